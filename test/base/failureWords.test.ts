// What people read in place of the kernel's and the libraries' texts, and that answers which are meant to be read stay.
import { expect, test } from 'bun:test'
import { connect } from 'node:net'
import { messageOf } from '../../src/base/result.ts'
import { freePort } from '../harness/redis.ts'

const coded = (code: string, message = 'whatever a library says') =>
  Object.assign(new Error(message), { code })

test.each<[thrown: unknown, words: string]>([
  [coded('ECONNREFUSED'), 'nobody listens there (ECONNREFUSED)'],
  [coded('ECONNRESET'), 'the other side cut the connection (ECONNRESET)'],
  [coded('ENOTFOUND'), 'the DNS knows no such name (ENOTFOUND)'],
  [coded('EPROTO'), 'no TLS is spoken there (EPROTO)'],
  [coded('CERT_HAS_EXPIRED'), 'its certificate has run out (CERT_HAS_EXPIRED)'],
  // Several addresses of one name.
  [new AggregateError([coded('EHOSTUNREACH'), coded('ECONNREFUSED')]), 'nobody listens there (ECONNREFUSED)'],
  [new Error("Stream isn't writeable and enableOfflineQueue options is false"), 'there is no connection'],
  [
    new Error('Protocol error, got "H" as reply type byte. Please report this.'),
    "what answers there does not speak Redis' protocol",
  ],
  [new Error('Unknown RESP type 72 "H"'), "what answers there does not speak Redis' protocol"],
  [new Error('Command timed out'), 'no answer in time'],
  [new DOMException('The operation timed out.', 'TimeoutError'), 'no answer in time'],
  [new SyntaxError('JSON Parse error: Unexpected EOF'), 'what it answers is no JSON'],
  // Redis', the vendors' and our own.
  [new Error('WRONGTYPE Operation against a key'), 'WRONGTYPE Operation against a key'],
  [coded('messaging/invalid-argument', 'The token is not valid.'), 'The token is not valid.'],
  [coded('ENOENT', 'no such file'), 'no such file'],
  ['a text that was thrown', 'a text that was thrown'],
])('%p is told as %p', (thrown, words) => {
  expect(messageOf(thrown)).toBe(words)
})

test('a port at which nobody listens is told so by each way to ask it', async () => {
  const port = await freePort()
  const { promise, resolve } = Promise.withResolvers<Error>()
  connect(port, '127.0.0.1').on('error', resolve)
  const byFetch = await fetch(`http://127.0.0.1:${port}`).catch((error: unknown) => error)
  expect([messageOf(await promise), messageOf(byFetch)]).toEqual([
    'nobody listens there (ECONNREFUSED)',
    'nobody listens there (ECONNREFUSED)',
  ])
})
