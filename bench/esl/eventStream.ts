// The stream that the parser bench reads: one recorded event of about 5 KB (a CHANNEL_CREATE of a real switch), as the
// switch would send it in plain and in json form.
import { join } from 'node:path'
import { gunzipSync } from 'bun'
import { FrameReader } from '../../src/esl/frames.ts'
import { decodePercent } from '../../src/esl/text.ts'

export type EventFormat = 'plain' | 'json'

const RECORDING = join(import.meta.dir, '../../test/esl/fixtures/plain-calls/freeswitch.raw.gz')
const EVENT_BYTES = 5 * 1024

const plain = await nearestEvent()
const bodies: Record<EventFormat, Buffer> = { plain, json: jsonOf(plain) }

/** One event, without its frame. */
export const eventBody = (format: EventFormat): Buffer => bodies[format]

/** One whole frame. */
export function eventFrame(format: EventFormat): Buffer {
  const body = bodies[format]
  const head = `Content-Length: ${body.length}\nContent-Type: text/event-${format}\n\n`
  return Buffer.concat([Buffer.from(head), body])
}

async function nearestEvent(): Promise<Buffer> {
  let nearest = Buffer.alloc(0)
  const distance = (body: Buffer) => Math.abs(body.length - EVENT_BYTES)
  const reader = new FrameReader(frame => {
    const isEvent = frame.contentType === 'text/event-plain'
    if (isEvent && distance(frame.body) < distance(nearest)) nearest = Buffer.from(frame.body)
  })
  reader.push(gunzipSync(await Bun.file(RECORDING).bytes()))
  return nearest
}

function jsonOf(body: Buffer): Buffer {
  const lines = body.toString('latin1').trimEnd().split('\n')
  const pairs = lines.map(line => {
    const colon = line.indexOf(': ')
    return [line.slice(0, colon), decodePercent(Buffer.from(line.slice(colon + 2), 'latin1'))]
  })
  return Buffer.from(JSON.stringify(Object.fromEntries(pairs)))
}
