// Whatever JSON, text or bytes a job or a message is made of: it is read, or told what is wrong with it; nothing throws.
import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { textOfBytes } from '../../src/base/bytes.ts'
import { hearMessage, readControl, withoutSecret } from '../../src/dial/control/messages.ts'
import { parseJob } from '../../src/dial/job/job.ts'
import { anyJson } from './anyJson.ts'
import { aspJob, botJob } from './stage.ts'

const RUNS = { numRuns: 500 }

const fieldsOf = (given: Record<string, unknown>) => fc.constantFrom(...Object.keys(given))

const ASP = aspJob('dial-1', { queued_at: 1, traceparent: '' })
const BOT = botJob('dial-1', { auth: true, sip_auth_username: 'u', sip_auth_password: 'p', queued_at: 1 })

const text = fc.oneof(
  fc.tuple(fieldsOf(ASP), anyJson).map(([field, value]) => JSON.stringify({ ...ASP, [field]: value })),
  fc.tuple(fieldsOf(BOT), anyJson).map(([field, value]) => JSON.stringify({ ...BOT, [field]: value })),
  anyJson.map(value => JSON.stringify(value)),
  fc.string({ unit: 'binary' }),
  fc.constantFrom('{"queued_at":1e999}', '{"dial_id":"x","queued_at":-1e999}', '['.repeat(60_000)),
)

test('any job is one, or has its cause', () => {
  expect([ASP, BOT, {}, []].map(each => parseJob(JSON.stringify(each)).ok)).toEqual([
    true,
    true,
    false,
    false,
  ])
  fc.assert(
    fc.property(text, given => {
      const read = textOfBytes(Buffer.from(given))
      const job = parseJob(read)
      if (job.ok) expect(job.value.kind).toBe(JSON.parse(read).type)
      else expect(job.failure.cause).not.toBe('')
    }),
    RUNS,
  )
})

test('any bytes are a job, or have their cause', () => {
  const bytes = fc.tuple(fc.nat({ max: 400 }), fc.uint8Array({ minLength: 1, maxLength: 4 }))
  fc.assert(
    fc.property(bytes, ([at, stray]) => {
      const whole = Buffer.from(JSON.stringify(ASP))
      const read = textOfBytes(Buffer.concat([whole.subarray(0, at), stray, whole.subarray(at)]))
      const job = parseJob(read)
      if (job.ok) expect(job.value.kind).toBe(JSON.parse(read).type)
      else expect(job.failure.cause).not.toBe('')
    }),
    RUNS,
  )
})

const TYPES = ['hangup', 'barge', 'mute', 'play', 'stop-playback', 'start-background', 'bridge', 'ack', 'x']
const FIELDS = ['type', 'command_id', 'barge_id', 'path', 'phone_number', 'caller_id', 'auth', 'dial_id1']
const message = fc
  .tuple(fc.constantFrom(...TYPES), fc.dictionary(fc.constantFrom(...FIELDS), anyJson))
  .map(([type, fields]) => JSON.stringify({ type, ...fields }))

test('any message is an order, ours, or has its cause, and its answer can be written', () => {
  fc.assert(
    fc.property(fc.oneof(message, text), given => {
      const heard = hearMessage(given)
      withoutSecret(given)
      if (heard.kind === 'own') return
      expect(JSON.parse(JSON.stringify(heard.to))).toEqual({ ...heard.to })
      if (heard.kind === 'bad') expect(heard.cause).not.toBe('')
      else readControl(heard.message)
    }),
    RUNS,
  )
})
