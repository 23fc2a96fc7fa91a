// Examines the phones that are registered at a switch: whether their Contacts hold a dial string of somebody's own, and
// whether those that ask to be pushed (RFC 8599) name apps that APPS_FILE has. Accounts are masked as everywhere.
import { type Finding, fine, problem, warning } from '../base/finding.ts'
import { maskNumber } from '../base/masking.ts'
import type { Config } from '../config/config.ts'
import type { Binding } from '../esl/registrations.ts'
import type { AppNames } from '../push/apps.ts'
import { readPushContact } from '../union/pushContact.ts'
import { appOf } from '../union/registrar.ts'

export interface RegistrationsReading {
  /** The phones that are registered at the switch. */
  bindings: readonly Binding[]
  /** The apps of APPS_FILE; undefined: every app is taken. */
  appNames: readonly AppNames[] | undefined
  settings: Pick<Config, 'showsFullNumbers'>
}

/** One finding names so many accounts or apps at most. */
const TOLD_MAX = 5

/** FreeSWITCH splits a dial string at both: through such a Contact `bridge user/…` dials what the phone's owner likes (measured on FreeSWITCH
 *  1.10.12). */
const SMUGGLES = /:_:|,sofia\/gateway\//i

export function examineRegistrations({ bindings, appNames, settings }: RegistrationsReading): Finding[] {
  const shown = ({ user, domain }: Binding) =>
    `${settings.showsFullNumbers ? user : maskNumber(user)}@${domain}`
  const smuggling = bindings.filter(({ url }) => SMUGGLES.test(url))
  const read = bindings.map(({ url }) => readPushContact({ text: url, isDecoded: true }))
  const addresses = read.flatMap(each => (each.kind === 'address' ? [each.address] : []))
  const unknown = addresses.filter(address => appOf(address, appNames) === undefined)
  const unusable = read.flatMap(each => (each.kind === 'unusable' ? [each.reason] : []))
  return [
    ...(smuggling.length === 0
      ? []
      : [
          problem(
            'switch contacts',
            `A registered Contact has another dial string in it (${some(smuggling.map(shown))}): a plain bridge to user/… dials that, too, at your expense.`,
            'See who has that password, and end the registration (fs_cli -x "sofia profile <name> flush_inbound_reg <user@domain>"). docs/security.md (The event socket) has the line of dialplan that refuses such Contacts.',
          ),
        ]),
    ...(unknown.length === 0
      ? []
      : [
          warning(
            'registrations',
            `${unknown.length} of the registered phones ask to be pushed for an app that APPS_FILE does not have (${some(unknown.map(each => `${each.vendor} ${each.appName}`))}).`,
            'Give an entry of APPS_FILE its topic, project or senderId; the pushes of an app from a store belong to whoever published it.',
          ),
        ]),
    ...(unusable.length === 0
      ? []
      : [
          warning(
            'registrations',
            `${unusable.length} of the registered phones say in a way that can't be used how they are pushed (${some(unusable)}).`,
            'See what the phone sends in its Contact: pn-provider, pn-param and pn-prid of RFC 8599.',
          ),
        ]),
    fine(
      'registrations',
      `The switch tells us of its phones: ${bindings.length} are registered, ${addresses.length} of them say how they are pushed (RFC 8599).`,
    ),
  ]
}

function some(names: readonly string[]): string {
  const different = [...new Set(names)]
  const more = different.length - TOLD_MAX
  return `${different.slice(0, TOLD_MAX).join(', ')}${more > 0 ? ` and ${more} more` : ''}`
}
