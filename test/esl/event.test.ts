// Events as a reader sees them: recorded ones in both formats, and the ugly ones that phones cause.
import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { eventOf, type SwitchEvent } from '../../src/esl/event.ts'
import { FrameReader } from '../../src/esl/frames.ts'
import { CALL_HEADERS } from '../../src/esl/originate.ts'
import { textOf } from '../../src/esl/text.ts'
import { allRecordings, fixture } from './recordings.ts'

function eventsOf(raw: Buffer, chunkBytes = 65_536): SwitchEvent[] {
  const events: SwitchEvent[] = []
  const reader = new FrameReader(frame => {
    const event = eventOf(frame)
    if (event) events.push(event)
  })
  for (let at = 0; at < raw.length; at += chunkBytes) reader.push(raw.subarray(at, at + chunkBytes))
  return events
}

const plain = (body: string | Buffer): SwitchEvent =>
  eventOf({ contentType: 'text/event-plain', head: '', body: Buffer.from(body) })!

const json = (body: string): SwitchEvent =>
  eventOf({ contentType: 'text/event-json', head: '', body: Buffer.from(body) })!

describe('recorded events', () => {
  test('tell the story of an asp-call whose A-leg hangs up', () => {
    const names = eventsOf(fixture('asp-a-hangs-up').raw).map(event => event.name)
    expect(names).toEqual([
      'CHANNEL_CREATE',
      'CHANNEL_PROGRESS',
      'CHANNEL_ANSWER',
      'BACKGROUND_JOB',
      'CHANNEL_EXECUTE',
      'CHANNEL_CREATE',
      'CHANNEL_PROGRESS',
      'CHANNEL_ANSWER',
      'CHANNEL_BRIDGE',
      'CHANNEL_HANGUP',
      'CHANNEL_HANGUP',
      'CHANNEL_UNBRIDGE',
      'CHANNEL_EXECUTE_COMPLETE',
      'CHANNEL_HANGUP_COMPLETE',
      'CHANNEL_HANGUP_COMPLETE',
    ])
  })

  test('of a gateway that does not exist hold the cause in the background job alone', () => {
    const [job] = eventsOf(fixture('gateway-unknown').raw)
    expect(job?.name).toBe('BACKGROUND_JOB')
    expect(job?.body).toBe('-ERR INVALID_GATEWAY\n')
  })

  test('in plain form hold what our own commands put on the channels, to the letter', () => {
    const events = eventsOf(fixture('plain-calls').raw)
    expect(events).toHaveLength(54)
    const created = events.filter(event => event.name === 'CHANNEL_CREATE')
    expect(
      created.map(event => [
        event.header('Unique-ID')?.at(-1),
        event.header(CALL_HEADERS.side),
        event.header(CALL_HEADERS.job),
        event.header(CALL_HEADERS.bargeId)?.at(-1),
      ]),
    ).toEqual([
      ['a', '0', 'asp-call', undefined],
      ['b', '1', 'asp-call', undefined],
      ['c', undefined, 'barge', 'c'],
      ['d', '1', 'load-test', undefined],
      ['e', '0', 'bot-call', undefined],
      ['f', '0', 'bot-call', undefined],
    ])
    for (const event of created) {
      expect(event.header(CALL_HEADERS.dialId)).toBe('dial-1@x+y')
      expect(event.header(CALL_HEADERS.userId)).toBe('bob:1')
    }
    expect(created[0]?.header('variable_ringback')).toBe('%(2000,4000,440,480)')
    expect(created[3]?.header('variable_sip_h_X-Dialpad-CalleeName')).toBe('AT&T  #5')
    expect(created[4]?.header('variable_sip_auth_password')).toBe('p!#%&*+-./;?@_~=1')
    expect(created[0]?.header('variable_rtp_local_sdp_str')).toStartWith('v=0\r\no=FreeSWITCH ')
  })

  test('read the same from single bytes', () => {
    const { raw } = fixture('plain-calls')
    const summary = (event: SwitchEvent) => [event.name, event.header('Event-Sequence'), event.body]
    expect(eventsOf(raw, 1).map(summary)).toEqual(eventsOf(raw).map(summary))
  })

  test('in json form read as JSON.parse reads them', () => {
    for (const { raw } of allRecordings()) {
      const reader = new FrameReader(frame => {
        if (frame.contentType !== 'text/event-json') return
        const event = eventOf(frame)!
        for (const [name, value] of Object.entries(
          JSON.parse(textOf(frame.body)) as Record<string, unknown>,
        )) {
          expect(event.header(name)).toBe(Array.isArray(value) ? `ARRAY::${value.join('|:')}` : String(value))
        }
      })
      reader.push(raw)
    }
  })
})

describe('a header of a plain event', () => {
  test('is found in the first line, in the middle, and in a last line without its end', () => {
    const event = plain('Event-Name: HEARTBEAT\nUp-Time: 1%20day\nIdle-CPU: 99')
    expect([event.name, event.header('Up-Time'), event.header('Idle-CPU')]).toEqual([
      'HEARTBEAT',
      '1 day',
      '99',
    ])
  })

  test('is the first of its name', () => {
    const event = plain('Hangup-Cause: NO_ANSWER\nA: 1\nHangup-Cause: USER_BUSY\nA: 2\n\n')
    expect([event.header('Hangup-Cause'), event.header('A')]).toEqual(['NO_ANSWER', '1'])
  })

  test('is never one that only looks like it', () => {
    const event = plain(
      'X-Unique-ID: 1\nUnique-ID-2: 2\nunique-id: 3\nvariable_x: a Unique-ID: 4\nUnique-ID:5\n Unique-ID: 6\n\n',
    )
    expect(event.header('Unique-ID')).toBeUndefined()
    expect(event.header('Unique')).toBeUndefined()
    expect(event.header('')).toBeUndefined()
  })

  test('is not found in a value, because line feeds are encoded there', () => {
    const event = plain('variable_name: x%0AUnique-ID%3A%20evil\nUnique-ID: good\n\n')
    expect(event.header('Unique-ID')).toBe('good')
    expect(event.header('variable_name')).toBe('x\nUnique-ID: evil')
  })

  test("is not found in a background job's answer, whatever stands there", () => {
    const answer = '+OK\n\nUnique-ID: evil\n\nEvent-Name: CHANNEL_HANGUP\nContent-Length: 1\n'
    const event = plain(`Event-Name: BACKGROUND_JOB\nContent-Length: ${answer.length}\n\n${answer}`)
    expect([event.name, event.header('Unique-ID'), event.body]).toEqual(['BACKGROUND_JOB', undefined, answer])
  })

  const values: [name: string, wire: string | Buffer, value: string][] = [
    ['a lone percent sign', '100% sure', '100% sure'],
    ['a percent sign at the end', '5%', '5%'],
    ['half an escape at the end', '5%2', '5%2'],
    ['a percent sign before other characters', '%zz%4x%%41', '%zz%4x%A'],
    ['UTF-8', 'Zo%C3%AB%20%E2%82%AC', 'Zoë €'],
    ['Latin-1', 'Ren%E9', 'René'],
    ['UTF-8 cut short', '%C3', 'Ã'],
    ['lower-case digits', '%c3%ab', 'ë'],
    ['raw UTF-8', 'Zoë', 'Zoë'],
    ['raw Latin-1', Buffer.from('René', 'latin1'), 'René'],
    ['a plus sign, which is no blank here', '+1%2B2', '+1+2'],
    ['an empty value as FreeSWITCH spells it', '_undef_', ''],
    ['an array', 'ARRAY%3A%3Aone%7C%3Atwo', 'ARRAY::one|:two'],
    ['a NUL', 'a%00b', 'a\0b'],
    ['right-to-left marks', '%E2%80%AEabc', '\u202eabc'],
  ]
  for (const [name, wire, value] of values) {
    test(`decodes ${name}`, () => {
      const body = Buffer.concat([Buffer.from('A: 1\nV: '), Buffer.from(wire), Buffer.from('\nB: 2\n\n')])
      expect([plain(body).header('V'), plain(body).header('B')]).toEqual([value, '2'])
    })
  }

  test('comes back from any text that FreeSWITCH could have encoded', () => {
    const encode = (text: string) =>
      [...Buffer.from(text)].map(byte => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`).join('')
    fc.assert(
      fc.property(fc.string({ unit: 'binary', minLength: 1 }), text => {
        fc.pre(text.isWellFormed() && text !== '_undef_')
        expect(plain(`A: x\nV: ${encode(text)}\n\n`).header('V')).toBe(text)
      }),
    )
  })

  test('never throws, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), bytes => {
        const body = Buffer.concat([Buffer.from('V: '), bytes])
        expect(typeof plain(body).header('V')).toBe('string')
        expect(typeof plain(Buffer.from(bytes)).name).toBe('string')
      }),
    )
  })
})

describe('the body of an event', () => {
  test('is counted in bytes and decoded as text', () => {
    const answer = '-ERR grüße\n'
    expect(plain(`Content-Length: ${Buffer.byteLength(answer)}\n\n${answer}trailing`).body).toBe(answer)
  })
  test('is undefined where the event has none or says nonsense', () => {
    for (const text of [
      'A: 1\n\n',
      'Content-Length: 0\n\n',
      'Content-Length: x\n\nabc',
      'Content-Length: -3\n\nabc',
    ])
      expect(plain(text).body).toBeUndefined()
  })
})

describe('an event in json', () => {
  test('that is malformed reads as one without headers', () => {
    for (const body of ['', '{', 'null', '"x"', '[1]', '{"a":'])
      expect([json(body).name, json(body).header('a'), json(body).body]).toEqual(['', undefined, undefined])
  })
  test('with an array among its values reads it as FreeSWITCH writes it in plain ones', () => {
    const event = json('{"Event-Name":"CHANNEL_HANGUP","variable_transfer_history":["one","two"],"last":"1"}')
    expect([event.header('variable_transfer_history'), event.header('last')]).toEqual([
      'ARRAY::one|:two',
      '1',
    ])
  })
  test('has the headers that it has, and none of its prototype', () => {
    const event = json('{"Event-Name":"X","n":5,"b":true,"o":{},"z":null,"__proto__":"p"}')
    expect(['n', 'b', 'o', 'z', 'constructor', '__proto__'].map(name => event.header(name))).toEqual([
      '5',
      'true',
      undefined,
      undefined,
      undefined,
      'p',
    ])
  })
})

test('a frame that is no event is none', () => {
  expect(eventOf({ contentType: 'command/reply', head: '', body: Buffer.alloc(0) })).toBeUndefined()
})
