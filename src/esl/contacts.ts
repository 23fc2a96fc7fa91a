// What FreeSWITCH says of an account's contacts: the phones that registered, as dial strings with commas between them. They
// are strangers' texts. Those that pass the allow-list come out, the others are counted; nothing is dialled here.
import { type Contact, parseContact } from './allow.ts'

export interface ContactsRead {
  /** The newest last; each once. */
  contacts: Contact[]
  /** Left out, by why: FreeSWITCH might dial something else than a phone by them, or newer ones fill the room. */
  leftOut: { unsafe: number; older: number }
}

/** Contacts that ring at once for one side: an account's devices are at most as many by default. Each is a session. */
export const CONTACTS_MAX = 8

/** @param answer of `sofia_contact`. A contact with a comma in it falls into pieces, and no piece is dialled that is not a
 *  whole contact by itself. */
export function readContacts(answer: string): ContactsRead {
  const text = answer.trim()
  if (text === '' || text.startsWith('error/') || text.startsWith('-'))
    return { contacts: [], leftOut: { unsafe: 0, older: 0 } }
  const parts = [...new Set(text.split(','))]
  const passed = parts.flatMap(part => {
    const contact = parseContact(part)
    return contact.ok ? [contact.value] : []
  })
  // A phone that comes back has its fresh contact at the end.
  const contacts = passed.slice(-CONTACTS_MAX)
  const leftOut = { unsafe: parts.length - passed.length, older: passed.length - contacts.length }
  return { contacts, leftOut }
}
