// The secrets of a wake. Whoever begins it draws 128 random bits; what a phone is known by, what a token is bound to
// and what proves a message to a waiting worker are each derived from them, here and in the Lua steps alike. Redis' Lua
// has SHA-1 alone: as a one-way function of a secret it is not touched by the collisions that were found for it.
import calculateSlot from 'cluster-key-slot'
import { uniqueKeyKey, type WakeId, wakeKey } from '../keys.ts'

const SECRET_BYTES = 16
const UNIQUE_KEY_DIGITS = 32
const NAMES = 99_999
const PROOF_DIGITS = 16

/** Digits that depend on the secret and the device alone. In a Cluster the digits after them put the key on its
 *  record's slot. */
const OWN_DIGITS = 27
const TABLE_DIGITS = 4
const SLOTS = 16_384

/** A new wake's secret: 32 hex digits. */
export const newWakeSecret = (): string => crypto.getRandomValues(new Uint8Array(SECRET_BYTES)).toHex()

/** What a wake is called in tokens, 1 to 99,999: they confirm this wake, not a later one of the same call id. It need not
 *  be unguessable, as a token is signed; and it is so small because it travels in a token's `iat`. */
export const wakeNameOf = (secret: string): number =>
  (Number.parseInt(sha1(secret).slice(0, 8), 16) % NAMES) + 1

/** What a message to a waiting worker must bear. */
export const proofOf = (secret: string, line: string): string =>
  sha1(`${secret} ${line}`).slice(0, PROOF_DIGITS)

/** `unique_key`: 32 hex digits that name one wake's push to one device, and that nobody else can know.
 *  @param slotOf in a Cluster: the wake whose slot it must lie on, so that one script finds both. The five digits that
 *  see to that follow from the call id, and 108 bits stay unknown to those who know it. */
export function uniqueKeyOf(secret: string, deviceId: string, slotOf?: WakeId): string {
  const key = sha1(secret + deviceId).slice(0, UNIQUE_KEY_DIGITS)
  return slotOf ? onSlot(key.slice(0, OWN_DIGITS), calculateSlot(wakeKey(slotOf))) : key
}

/** A `unique_key` as an app posts it: as it came, or as the UUID that iOS makes of it. @returns undefined: it is none. */
export function readUniqueKey(given: string): string | undefined {
  const digits = given.replaceAll('-', '').toLowerCase()
  return /^[0-9a-f]{32}$/.test(digits) ? digits : undefined
}

const sha1 = (text: string): string => Bun.SHA1.hash(text, 'hex')

/** The slot is a CRC, which is linear: the last digits change it in the same way, whatever stands before them. Four
 *  digits reach four fifths of all slots; with one of sixteen digits before them every slot can be reached. */
function onSlot(digits: string, slot: number): string {
  suffixes ??= tabulateSuffixes()
  for (const digit of '0123456789abcdef') {
    const difference = calculateSlot(uniqueKeyKey(digits + digit + NO_DIFFERENCE)) ^ slot
    const suffix = suffixes[difference]
    if (suffix !== undefined) return digits + digit + suffix
  }
  throw new Error(`no unique key lies on slot ${slot}`)
}

const NO_DIFFERENCE = '0'.repeat(TABLE_DIGITS)

/** By what the digits change of the slot, compared with zeros. */
let suffixes: (string | undefined)[] | undefined

/** Takes some 50 ms, once in a process. */
function tabulateSuffixes(): (string | undefined)[] {
  const table = new Array<string | undefined>(SLOTS)
  const before = '0'.repeat(OWN_DIGITS + 1)
  const unchanged = calculateSlot(uniqueKeyKey(before + NO_DIFFERENCE))
  for (let number = 0; number < 16 ** TABLE_DIGITS; number++) {
    const suffix = number.toString(16).padStart(TABLE_DIGITS, '0')
    table[calculateSlot(uniqueKeyKey(before + suffix)) ^ unchanged] ??= suffix
  }
  return table
}

/** Makes the table of Cluster slots now, so that no call waits for it. */
export function prepareSlots(): void {
  suffixes ??= tabulateSuffixes()
}
