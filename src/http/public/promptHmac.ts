// Has WebCrypto compute the confirmation tokens' HMAC at once. jose signs and verifies by `crypto.subtle`, and Bun (1.4.5)
// hands each HMAC, which takes one microsecond, to a pool of threads: twice for each wake, and the PBX's answer waits for
// one of the two. Here `sign` and `verify` learn the keys that are imported below; with any other key they are the
// runtime's own. What is signed, and what a token must say, is jose's business.
import { timingSafeEqual } from 'node:crypto'

const HMAC_SHA256 = { name: 'HMAC', hash: 'SHA-256' }

/** Copied for each signature: the key itself is hashed once. */
const hashers = new WeakMap<CryptoKey, Bun.CryptoHasher>()

/** Imports the key of HMAC with SHA-256; it can't be read out again. */
export async function importPromptHmacKey(secret: string): Promise<CryptoKey> {
  const bytes = new TextEncoder().encode(secret)
  const key = await crypto.subtle.importKey('raw', bytes, HMAC_SHA256, false, ['sign', 'verify'])
  hashers.set(key, new Bun.CryptoHasher('sha256', secret))
  teachSubtleCrypto()
  return key
}

type Bytes = ArrayBuffer | ArrayBufferView
type Signing = [algorithm: unknown, key: CryptoKey, data: Bytes]
type Verifying = [algorithm: unknown, key: CryptoKey, signature: Bytes, data: Bytes]

let isTaught = false

function teachSubtleCrypto(): void {
  if (isTaught) return
  isTaught = true
  const { sign, verify } = SubtleCrypto.prototype
  Object.assign(SubtleCrypto.prototype, {
    async sign(this: SubtleCrypto, ...given: Parameters<typeof sign>): Promise<ArrayBuffer> {
      const [, key, data] = given as Signing
      const hasher = hashers.get(key)
      return hasher ? digestOf(hasher, data).buffer : sign.apply(this, given)
    },
    async verify(this: SubtleCrypto, ...given: Parameters<typeof verify>): Promise<boolean> {
      const [, key, signature, data] = given as Verifying
      const hasher = hashers.get(key)
      return hasher ? isSame(bytesOf(signature), digestOf(hasher, data)) : verify.apply(this, given)
    },
  })
}

/** In memory of its own. */
const digestOf = (hasher: Bun.CryptoHasher, data: Bytes): Uint8Array<ArrayBuffer> =>
  hasher.copy().update(bytesOf(data)).digest() as Buffer<ArrayBuffer>

function bytesOf(source: Bytes): Uint8Array {
  if (source instanceof Uint8Array) return source
  if (source instanceof ArrayBuffer) return new Uint8Array(source)
  return new Uint8Array(source.buffer, source.byteOffset, source.byteLength)
}

/** In a time that tells nothing of where they differ. */
const isSame = (given: Uint8Array, expected: Uint8Array): boolean =>
  given.length === expected.length && timingSafeEqual(given, expected)
