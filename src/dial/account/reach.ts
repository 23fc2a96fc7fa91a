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
import { readContacts } from '../../esl/contacts.ts'
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
  const contacts = await contactsAt(context, withDomain(account, accountDial.domain), isWanted)
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
    const { contacts, leftOut } = readContacts(outcome.kind === 'ok' ? outcome.text : '')
    if (contacts.length > 0 || performance.now() >= endsAtMs || !isWanted()) {
      if (leftOut > 0) {
        for (let count = 0; count < leftOut; count += 1) context.count('contactsLeftOut')
        context.log.warn(
          { account, leftOut },
          'contacts of an account are not dialled: they are more than a phone’s address',
        )
      }
      return contacts
    }
    await Bun.sleep(AGAIN_MS)
  }
}
