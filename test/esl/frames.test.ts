// The frame reader against recordings of a real switch, against every way of cutting them, and against peers that
// speak no event socket at all.
import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { type EslFrame, type FrameLimits, FrameReader, headLine } from '../../src/esl/frames.ts'
import { allRecordings } from './recordings.ts'

/** What a reader made of some bytes: the frames' text, the fault, and how many bytes it was given. */
function read(bytes: Buffer, chunkBytes: number, limits?: FrameLimits) {
  const frames: EslFrame[] = []
  const reader = new FrameReader(frame => frames.push(frame), limits)
  for (let at = 0; at < bytes.length; at += chunkBytes) {
    const fault = reader.push(Buffer.from(bytes.subarray(at, at + chunkBytes)))
    if (fault)
      return { frames, texts: frames.map(textOf), fault, bytesRead: Math.min(bytes.length, at + chunkBytes) }
  }
  return { frames, texts: frames.map(textOf), fault: undefined, bytesRead: bytes.length }
}

const textOf = (frame: EslFrame): string => `${frame.head}\n\n${frame.body.toString('utf8')}`

const bytesOf = (frame: EslFrame): Buffer => Buffer.concat([Buffer.from(`${frame.head}\n\n`), frame.body])

describe('recorded frames', () => {
  const recordings = allRecordings()

  test('come from the fixtures at least', () => {
    expect(recordings.length).toBeGreaterThanOrEqual(9)
  })

  for (const { name, raw, frames } of recordings) {
    test(`of ${name} are the same in one piece, in 64 KB, in 7 bytes and in single bytes`, () => {
      const whole = read(raw, raw.length)
      expect(whole.fault).toBeUndefined()
      if (frames.length > 0) expect(whole.texts).toEqual(frames)
      expect(Buffer.concat(whole.frames.map(bytesOf)).equals(raw)).toBe(true)
      for (const chunkBytes of [65_536, 7, 1])
        expect(read(raw, chunkBytes)).toEqual({ ...whole, bytesRead: raw.length })
    })
  }
})

describe('frames', () => {
  const reply = Buffer.from('Content-Type: command/reply\nReply-Text: +OK grüße\n\n')
  const response = Buffer.from('Content-Type: api/response\nContent-Length: 9\n\nbody €\n')
  const empty = Buffer.from('Content-Type: api/response\nContent-Length: 0\n\n')

  test('are the same however the stream is cut, also inside a character', () => {
    const stream = Buffer.concat([reply, response, empty, Buffer.from('\n'), response, reply])
    const expected = [reply, response, empty, response, reply].map(frame => frame.toString())
    fc.assert(
      fc.property(fc.array(fc.nat(stream.length), { maxLength: 12 }), cuts => {
        const texts: string[] = []
        const reader = new FrameReader(frame => texts.push(textOf(frame)))
        const edges = [0, ...cuts.sort((a, b) => a - b), stream.length]
        for (let i = 1; i < edges.length; i += 1) reader.push(stream.subarray(edges[i - 1], edges[i]))
        expect(texts).toEqual(expected)
      }),
    )
  })

  test('take their body by Content-Length alone, whatever it looks like', () => {
    const body = 'Content-Type: command/reply\n\n'
    const stream = `Content-Length: ${body.length}\nContent-Type: api/response\n\n${body}${reply}`
    expect(read(Buffer.from(stream), 5).texts).toHaveLength(2)
  })

  test('of 10 MB arrive whole from chunks of any size', () => {
    const body = Buffer.alloc(10 * 1024 * 1024, 'x')
    const stream = Buffer.concat([
      Buffer.from(`Content-Type: api/response\nContent-Length: ${body.length}\n\n`),
      body,
      reply,
    ])
    const { texts } = read(stream, 65_536)
    expect(texts.map(text => text.length)).toEqual([body.length + 53, reply.toString().length])
  })

  test('are no longer reported once the reader was stopped, not even from the chunk at hand', () => {
    const texts: string[] = []
    const reader = new FrameReader(frame => {
      texts.push(textOf(frame))
      reader.stop()
    })
    expect(reader.push(Buffer.concat([reply, reply]))).toBeUndefined()
    reader.push(reply)
    expect(texts).toHaveLength(1)
  })

  test('may be pushed as plain Uint8Array views', () => {
    const texts: string[] = []
    const bytes = new Uint8Array([0, ...reply, 0])
    new FrameReader(frame => texts.push(textOf(frame))).push(bytes.subarray(1, -1))
    expect(texts).toEqual([reply.toString()])
  })
})

describe('a stream that is no event socket', () => {
  const cases: [name: string, stream: string, fault: string][] = [
    ['has a head without Content-Type', 'Hello: there\n\n', 'no-content-type'],
    ['has a blank line after free text', 'HTTP/1.1 400 Bad Request\n\n', 'no-content-type'],
    ['has a negative length', 'Content-Type: api/response\nContent-Length: -1\n\n', 'bad-length'],
    ['has a length that is no number', 'Content-Type: api/response\nContent-Length: 1e3\n\n', 'bad-length'],
    ['has an empty length', 'Content-Type: api/response\nContent-Length: \n\n', 'bad-length'],
    ['announces too much', 'Content-Type: api/response\nContent-Length: 67108865\n\n', 'body-too-long'],
    [
      'announces the absurd',
      `Content-Type: api/response\nContent-Length: ${'9'.repeat(15)}\n\n`,
      'body-too-long',
    ],
    ['never ends its head', `Content-Type: a${'x'.repeat(70_000)}`, 'head-too-long'],
    ['has an endless head', `Content-Type: ${'y'.repeat(70_000)}\n\n`, 'head-too-long'],
  ]
  for (const [name, stream, fault] of cases) {
    test(`that ${name} is a fault: ${fault}`, () => {
      for (const chunkBytes of [stream.length, 1_000, 1]) {
        expect(read(Buffer.from(stream), chunkBytes).fault?.kind).toBe(fault as 'bad-length')
      }
    })
  }

  test('is given up at the bound, not at its end', () => {
    const limits = { headBytesMax: 100, bodyBytesMax: 10 }
    expect(read(Buffer.alloc(5_000, 'x'), 10, limits)).toMatchObject({
      fault: { kind: 'head-too-long' },
      bytesRead: 110,
    })
  })

  test('is ignored after its fault', () => {
    const reader = new FrameReader(() => expect.unreachable())
    expect(reader.push(Buffer.from('Hello: there\n\n'))?.kind).toBe('no-content-type')
    expect(reader.push(Buffer.from('Content-Type: command/reply\n\n'))).toBeUndefined()
  })
})

describe('a line of a head', () => {
  const head = 'Content-Type: command/reply\nReply-Text: +OK: yes\nX-Reply-Text: no\nJob-UUID: 1'
  test('is found at a line start, under its exact name, with its value untouched', () => {
    expect(headLine(head, 'Content-Type')).toBe('command/reply')
    expect(headLine(head, 'Reply-Text')).toBe('+OK: yes')
    expect(headLine(head, 'Job-UUID')).toBe('1')
    expect(headLine(head, 'Text')).toBeUndefined()
    expect(headLine(head, 'job-uuid')).toBeUndefined()
    expect(headLine('Reply-Text: %E9 100%', 'Reply-Text')).toBe('%E9 100%')
  })
})
