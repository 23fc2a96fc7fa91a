// The phones that are registered at a switch. `show registrations as json` lists one phone of each account unless switch.conf
// has `multiple-registrations`; the others stand in `sofia xmlstatus profile <name> reg`, whose text is a phone's to forge. So a phone
// that stands there alone counts when `sofia_contact`, asked for its account, names it too. What a Contact means is another
// room's matter.
import { parseAccount, parseProfileName } from './allow.ts'
import type { EslCommand } from './command.ts'
import { contactsOfAccount, listProfiles, listRegistrations, listRegistrationsAt } from './commands.ts'

/** One binding, as FreeSWITCH keeps it: the Contact's parameters are percent-decoded. */
export interface Binding {
  user: string
  domain: string
  /** `sofia/internal/sip:1000@192.0.2.7:5060;transport=tcp;pn-provider=…` */
  url: string
  expiresAtSeconds: number
}

/** As the HTTP routes take it. */
export const ACCOUNT = /^[A-Za-z0-9_.+~-]{1,64}(@[A-Za-z0-9.-]{1,255})?$/

/** A switch's answer to a command; undefined: there was none. */
export type Ask = (command: EslCommand) => Promise<string | undefined>

/** More profiles than a switch has; each is one question. */
const PROFILES_MAX = 64

/** Accounts that are asked for, of which a forger may name as many as it likes, and how many at once. */
const ACCOUNTS_MAX = 20_000
const AT_ONCE_MAX = 20

/** All phones that are registered at a switch. A login that may not ask for more than `show registrations` hears of the phones in it.
 *  @returns undefined when that list is not given. */
export async function readBindings(ask: Ask, nowSeconds: number): Promise<Binding[] | undefined> {
  const listed = bindingsOf((await ask(listRegistrations())) ?? '')
  if (!listed) return undefined
  const unlisted = unlistedOf(await readStatuses(ask, nowSeconds), listed)
  const accounts = [...unlisted].slice(0, ACCOUNTS_MAX)
  const found: Binding[] = []
  for (let at = 0; at < accounts.length; at += AT_ONCE_MAX) {
    const confirmed = await Promise.all(
      accounts.slice(at, at + AT_ONCE_MAX).map(([account, bindings]) => confirm(ask, account, bindings)),
    )
    found.push(...confirmed.flat())
  }
  return [...listed, ...found]
}

/** A switch without any bindings says no `rows`. @returns undefined for what is no list, a refusal say. */
function bindingsOf(text: string): Binding[] | undefined {
  let list: unknown
  try {
    list = JSON.parse(text)
  } catch {
    // A switch without the command answers `-ERR …`.
    return undefined
  }
  const { rows } = (list ?? {}) as { rows?: unknown }
  if (!Array.isArray(rows)) return []
  return rows.flatMap((row: Record<string, unknown> | null): Binding[] => {
    const { reg_user: user, realm: domain, url, expires } = row ?? {}
    if (typeof user !== 'string' || typeof domain !== 'string' || typeof url !== 'string') return []
    if (!ACCOUNT.test(user)) return []
    return [{ user, domain, url, expiresAtSeconds: Number(expires) || 0 }]
  })
}

/** What the profiles' statuses say, by whoever wrote it. */
async function readStatuses(ask: Ask, nowSeconds: number): Promise<Binding[]> {
  const bindings: Binding[][] = []
  for (const profile of profilesOf((await ask(listProfiles())) ?? '')) {
    const name = parseProfileName(profile)
    if (name.ok)
      bindings.push(statusOf((await ask(listRegistrationsAt(name.value))) ?? '', profile, nowSeconds))
  }
  return bindings.flat()
}

/** A profile stands there once for each of its transports, and an alias as something else. */
const profilesOf = (text: string): string[] =>
  [...new Set([...text.matchAll(/<profile>\n<name>([^<\n]*)<\/name>/g)].map(([, name]) => name!))].slice(
    0,
    PROFILES_MAX,
  )

/** As mod_sofia prints them. It encodes the contact, and not the Call-ID before it, in which any phone may write lines of its own (seen on
 *  1.10.12: a folded Call-ID keeps its line ends). */
const REGISTRATION =
  /<user>([^<>@\n]*)@([^<>@\n]*)<\/user>\n {8}<contact>([^<]*)<\/contact>\n {8}<agent>[^<]*<\/agent>\n {8}<status>[^<\n]* expsecs\((-?\d{1,9})\)<\/status>/g

function statusOf(text: string, profile: string, nowSeconds: number): Binding[] {
  return [...text.matchAll(REGISTRATION)].flatMap(
    ([, user = '', domain = '', contact = '', lasts]): Binding[] => {
      const uri = uriOf(unescaped(contact))
      if (uri === undefined || !ACCOUNT.test(user)) return []
      // `sofia_contact` says `sip:` of a `sips:` contact, too.
      return [
        { user, domain, url: `sofia/${profile}/sip:${uri}`, expiresAtSeconds: nowSeconds + Number(lasts) },
      ]
    },
  )
}

/** The URI of a Contact as FreeSWITCH keeps it, `"Ann" <sip:1000@192.0.2.7>`, without its scheme. */
function uriOf(contact: string): string | undefined {
  const end = contact.lastIndexOf('>')
  const uri = contact.slice(contact.lastIndexOf('<', end) + 1, Math.max(0, end))
  return /^sips?:/.test(uri) ? uri.slice(uri.indexOf(':') + 1) : undefined
}

const ENTITIES: Record<string, string> = { quot: '"', apos: "'", amp: '&', lt: '<', gt: '>' }

const unescaped = (text: string): string =>
  text.replace(/&(quot|apos|amp|lt|gt);/g, (_, name: string) => ENTITIES[name]!)

const accountOf = ({ user, domain }: Binding): string => `${user}@${domain}`

/** One name for one binding, wherever it stands: the list says `sips:` where the contacts say `sip:`, and doubles an apostrophe. */
const nameOf = (binding: Binding): string =>
  `${accountOf(binding)} ${binding.url.replace(/^(sofia\/[^/]*\/)sips:/, '$1sip:').replaceAll("''", "'")}`

/** By account, what the list does not have. */
function unlistedOf(statuses: readonly Binding[], listed: readonly Binding[]): Map<string, Binding[]> {
  const known = new Set(listed.map(nameOf))
  const unlisted = new Map<string, Binding[]>()
  for (const each of statuses) {
    const name = nameOf(each)
    if (known.has(name)) continue
    known.add(name)
    const account = accountOf(each)
    const further = unlisted.get(account)
    if (further) further.push(each)
    else unlisted.set(account, [each])
  }
  return unlisted
}

/** Those of an account's bindings that the switch itself names for it. */
async function confirm(ask: Ask, account: string, bindings: readonly Binding[]): Promise<Binding[]> {
  const parsed = parseAccount(account)
  if (!parsed.ok) return []
  const named = `,${((await ask(contactsOfAccount(parsed.value))) ?? '').replace(/\n$/, '')},`
  return bindings.filter(({ url }) => named.includes(`,${url},`))
}
