// Where an account's phones are, once they are awake: at the contacts with which they registered at this switch, or
// behind a gateway that knows the account. The contacts are the phones' own texts; a contact that is no phone's address
// is left out, and counted.

import { MS_PER_SECOND } from '../../base/units.ts'
import {
  type Account,
  accountUser,
  assertAllowed,
  parseAccount,
  parseChannelUuid,
  parseGatewayName,
} from '../../esl/allow.ts'
import { contactsOfAccount } from '../../esl/commands.ts'
import { type ContactsRead, readContacts } from '../../esl/contacts.ts'
import type { Reached } from '../../esl/originate.ts'
import type { AgentContext } from '../agent/context.ts'
import { placeUuidOf } from '../call/identity.ts'

/** `phones`: how many ring. */
export type Reach = { kind: 'found'; side: Reached; phones: number } | { kind: 'nowhere' }

/** An app may say that it is awake before its REGISTER has come to the switch, and the switch may be away for a moment. */
const APPEARS_MS = MS_PER_SECOND
const AGAIN_MS = 0.2 * MS_PER_SECOND

/** @param isWanted false: the call has ended, so the contacts are not needed any more. */
export async function reachOf(
  context: AgentContext,
  account: Account,
  { dialId, side, isWanted }: { dialId: string; side: string; isWanted: () => boolean },
): Promise<Reach> {
  const { accountDial } = context.settings
  const uuidAt = (place: number) => assertAllowed(parseChannelUuid(placeUuidOf(dialId, side, place)))
  if (accountDial.kind === 'gateway') {
    const gateway = assertAllowed(parseGatewayName(accountDial.gateway))
    const phone = { number: accountUser(account), gateway, channelUuid: uuidAt(0) }
    return { kind: 'found', side: phone, phones: 1 }
  }
  const { contacts, leftOut } = await contactsAt(context, withDomain(account, accountDial.domain), isWanted)
  tellLeftOut(context, account, { dialId, side, leftOut })
  if (contacts.length === 0) return { kind: 'nowhere' }
  const legs = contacts.map((contact, place) => ({ contact, channelUuid: uuidAt(place) }))
  return { kind: 'found', side: { contacts: legs }, phones: legs.length }
}

const withDomain = (account: Account, domain: string | undefined): Account =>
  domain === undefined || account.includes('@')
    ? account
    : assertAllowed(parseAccount(`${account}@${domain}`))

async function contactsAt(context: AgentContext, account: Account, isWanted: () => boolean) {
  const endsAtMs = performance.now() + APPEARS_MS
  for (;;) {
    const outcome = await context.link.api(contactsOfAccount(account))
    const read = readContacts(outcome.kind === 'ok' ? outcome.text : '')
    if (read.contacts.length > 0 || performance.now() >= endsAtMs || !isWanted()) return read
    await Bun.sleep(AGAIN_MS)
  }
}

function tellLeftOut(
  { count, log, timeline }: AgentContext,
  account: Account,
  { dialId, side, leftOut }: { dialId: string; side: string; leftOut: ContactsRead['leftOut'] },
): void {
  const { unsafe, older } = leftOut
  if (unsafe + older === 0) return
  for (let times = 0; times < unsafe; times += 1) count('contactsLeftOut', 'unsafe')
  for (let times = 0; times < older; times += 1) count('contactsLeftOut', 'older')
  timeline.add(dialId, { what: 'contacts-left-out', side, unsafe, older })
  if (unsafe > 0)
    log.warn(
      { account, unsafe },
      'contacts of an account are not dialled: they are more than a phone’s address',
    )
  if (older > 0) log.info({ account, older }, 'contacts of an account are not dialled: newer ones are')
}
