// The readers of the parser bench, modesl's and ours, and ours of another commit: fed from memory, or over a real socket
// by an event server in a process of its own. All read the same three headers of each event. What is measured, and how
// often, is not here.
import { EventEmitter } from 'node:events'
import { connect } from 'node:net'
import { join, resolve } from 'node:path'
import pino from 'pino'
import { eventOf } from '../../src/esl/event.ts'
import { FrameReader } from '../../src/esl/frames.ts'
import { SwitchLink } from '../../src/esl/link.ts'
import type { EventFormat } from './eventStream.ts'

/** What a socket hands out at most. */
export const LARGE_CHUNK_BYTES = 64 * 1024
export const REPLY_BYTES = 16 * 1024 * 1024

const HEADERS = ['Event-Name', 'Unique-ID', 'variable_dial_id']
interface ModeslEvent {
  getHeader(name: string): string | null
  getBody(): string
}
type ModeslParser = new (
  socket: EventEmitter,
) => { on(name: string, listener: (event: ModeslEvent) => void): void }

// modesl calls `new Buffer`, which warns; that is not what is measured.
process.removeAllListeners('warning').on('warning', () => {})
const Parser = (await import('modesl/lib/esl/Parser.js' as string)).default as ModeslParser

/** Takes chunks, calls back for each frame it found. */
export type Feed = (onFrame: () => void) => (chunk: Buffer) => void

/** What was read is added up, so that reading can't be left out. */
let sink = 0
export const hasRead = (): boolean => sink > 0

export const modesl: Feed = onFrame => {
  const socket = new EventEmitter()
  new Parser(socket).on('esl::event', event => {
    for (const name of HEADERS) sink += event.getHeader(name)?.length ?? 0
    onFrame()
  })
  return chunk => socket.emit('data', chunk)
}

/** One commit's reading: from the socket's bytes to events, and the whole link around it. */
export interface Ours {
  FrameReader: typeof FrameReader
  eventOf: typeof eventOf
  SwitchLink: typeof SwitchLink
}

/** That of another checkout, whose packages are installed. */
export async function oursOf(checkout: string): Promise<Ours> {
  const load = (file: string) => import(join(resolve(checkout), 'src/esl', file))
  const [frames, event, link] = await Promise.all(['frames.ts', 'event.ts', 'link.ts'].map(load))
  return { FrameReader: frames.FrameReader, eventOf: event.eventOf, SwitchLink: link.SwitchLink }
}

export const feedOf =
  (commit: Ours): Feed =>
  onFrame => {
    const reader = new commit.FrameReader(frame => {
      const event = commit.eventOf(frame)
      if (event) for (const name of HEADERS) sink += event.header(name)?.length ?? 0
      onFrame()
    })
    return chunk => reader.push(chunk)
  }

const THIS: Ours = { FrameReader, eventOf, SwitchLink }

export const ours: Feed = feedOf(THIS)

/** Milliseconds for a reply of 16 MB, fed as a socket would. */
export function replyFromMemory(feed: Feed): number {
  const head = Buffer.from(`Content-Type: api/response\nContent-Length: ${REPLY_BYTES}\n\n`)
  const stream = Buffer.concat([head, Buffer.alloc(REPLY_BYTES, 'x')])
  const done = { seen: 0 }
  const push = feed(() => {
    done.seen += 1
  })
  const start = performance.now()
  for (let at = 0; at < stream.length; at += LARGE_CHUNK_BYTES)
    push(stream.subarray(at, at + LARGE_CHUNK_BYTES))
  const ms = performance.now() - start
  if (done.seen !== 1) throw new Error('the reply did not arrive')
  return ms
}

/** The server sends whole bursts of so many events. */
export const BURST_EVENTS = 64

export type EventServer = Awaited<ReturnType<typeof startEventServer>>

/** Readers over a socket. Those of events give events a second, those of a reply its milliseconds. */
export async function startEventServer() {
  const server = Bun.spawn([process.execPath, join(import.meta.dir, 'eventServer.ts')], { stdout: 'pipe' })
  const port = Number(new TextDecoder().decode((await server.stdout.getReader().read()).value))
  const burst = (format: EventFormat, count: number) => `burst ${format} ${count}`
  const perSecond = async (count: number, ms: Promise<number>) => count / ((await ms) / 1_000)
  return {
    /** @param count a multiple of 64. */
    modeslEvents: (format: EventFormat, count: number) =>
      perSecond(count, modeslOverSocket(port, burst(format, count), count)),
    oursEvents: (format: EventFormat, count: number, commit = THIS) =>
      perSecond(count, oursOverSocket(commit, port, burst(format, count), count)),
    /** The same bytes without any parser: what the socket and the sender allow on this machine at this moment. */
    rawEvents: (format: EventFormat, count: number, bytes: number) =>
      perSecond(count, rawOverSocket(port, burst(format, count), bytes)),
    modeslReply: (bytes: number) => modeslOverSocket(port, `reply ${bytes}`, 0),
    oursReply: (bytes: number, commit = THIS) => oursOverSocket(commit, port, `reply ${bytes}`, 0),
    close: () => server.kill(),
  }
}

/** modesl's parser on a socket of its own: less than its whole Connection, in its favour. */
function modeslOverSocket(port: number, command: string, frames: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1')
    socket.on('error', reject)
    let seen = 0
    let start = 0
    new Parser(socket).on('esl::event', event => {
      for (const name of HEADERS) sink += event.getHeader(name)?.length ?? 0
      seen += 1
      if (seen === 1) {
        start = performance.now()
        socket.write(`api ${command}\n\n`)
      } else if (seen === frames + 2) {
        sink += event.getBody().length
        resolve(performance.now() - start)
        socket.destroy()
      }
    })
  })
}

/** Our whole link: reader, events, replies, promises. */
async function oursOverSocket(commit: Ours, port: number, command: string, frames: number): Promise<number> {
  const ready = Promise.withResolvers<void>()
  let seen = 0
  const link = new commit.SwitchLink({
    host: '127.0.0.1',
    port,
    password: 'ClueCon',
    log: pino({ level: 'silent' }),
    random: Math.random,
    onReady: () => ready.resolve(),
    onLost: loss => ready.reject(new Error(loss.kind)),
    onEvent(event) {
      for (const name of HEADERS) sink += event.header(name)?.length ?? 0
      seen += 1
    },
  })
  link.start()
  await ready.promise
  const start = performance.now()
  const outcome = await link.api(command as never, 60_000)
  const ms = performance.now() - start
  link.close()
  if (outcome.kind !== 'ok' || seen !== frames) throw new Error(`${outcome.kind} after ${seen} events`)
  return ms
}

async function rawOverSocket(port: number, command: string, bytes: number): Promise<number> {
  const done = Promise.withResolvers<void>()
  let received = 0
  const socket = await Bun.connect({
    hostname: '127.0.0.1',
    port,
    socket: {
      data(_, chunk) {
        received += chunk.length
        if (received >= bytes) done.resolve()
      },
    },
  })
  const start = performance.now()
  socket.write(`api ${command}\n\n`)
  await done.promise
  const ms = performance.now() - start
  socket.end()
  return ms
}
