// The key whose HMAC is computed at once gives what the runtime itself would, and no other key is touched.
import { expect, test } from 'bun:test'
import { createHmac } from 'node:crypto'
import { importPromptHmacKey } from '../../../src/http/public/promptHmac.ts'

const SECRET = 'a secret of the operator, äöü'
const text = (length: number) => new TextEncoder().encode('x'.repeat(length))
const macOf = (data: Uint8Array) => new Uint8Array(createHmac('sha256', SECRET).update(data).digest())

test('signs and verifies as HMAC with SHA-256 does, whatever holds the bytes', async () => {
  const key = await importPromptHmacKey(SECRET)
  for (const length of [0, 1, 63, 64, 65, 4_096]) {
    const data = text(length)
    const inPart = new Uint8Array([7, ...data, 7]).subarray(1, length + 1)
    for (const given of [data, inPart, data.buffer, new DataView(data.buffer)]) {
      const signature = await crypto.subtle.sign('HMAC', key, given)
      expect(Buffer.from(signature).toString('hex')).toBe(Buffer.from(macOf(data)).toString('hex'))
      expect(await crypto.subtle.verify('HMAC', key, signature, given)).toBe(true)
    }
  }
})

test('finds a signature wrong that is another one, too short, too long or empty', async () => {
  const key = await importPromptHmacKey(SECRET)
  const right = macOf(text(100))
  const changed = right.map((byte, at) => (at === 31 ? byte ^ 1 : byte))
  const wrong = [
    changed,
    right.subarray(0, 31),
    new Uint8Array([...right, 0]),
    new Uint8Array(),
    macOf(text(99)),
  ]
  for (const signature of wrong)
    expect(await crypto.subtle.verify('HMAC', key, signature, text(100))).toBe(false)
})

test('leaves keys that it did not import to the runtime', async () => {
  await importPromptHmacKey(SECRET)
  const algorithm = { name: 'HMAC', hash: 'SHA-512' }
  const other = await crypto.subtle.importKey('raw', text(40), algorithm, false, ['sign'])
  const expected = createHmac('sha512', text(40)).update(text(9)).digest()
  expect(Buffer.from(await crypto.subtle.sign('HMAC', other, text(9)))).toEqual(expected)
  // It may only sign.
  expect(crypto.subtle.verify('HMAC', other, expected, text(9))).rejects.toThrow()
})

test('does not give the key away', async () => {
  const key = await importPromptHmacKey(SECRET)
  expect(key.extractable).toBe(false)
  expect(crypto.subtle.exportKey('raw', key)).rejects.toThrow()
})
