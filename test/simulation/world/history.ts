// Everything that happened in one simulated world, in order. It is what the checkers judge, what a story is told from,
// and what is hashed: two runs of one seed must agree in every line of it.
import { assertNever } from '../../../src/base/result.ts'
import type { RecordEntry } from '../../switch/records.ts'
import type { Published } from './redisPlace.ts'

export type Message = Record<string, unknown> & { type?: string }

export type Happening =
  /** Something was published on a channel, by anybody. */
  | { kind: 'published'; channel: string; message: Message; hearers: string[] }
  | { kind: 'switch'; switch: string; record: RecordEntry }
  | { kind: 'log'; level: string; text: string; fields: Record<string, unknown> }
  /** What the backend did: a job pushed, a message sent. */
  | { kind: 'backend'; what: string; fields: Record<string, unknown> }
  /** What PBXs and apps did. */
  | { kind: 'wake'; what: string; fields: Record<string, unknown> }
  | { kind: 'fault'; what: string; phase: 'begins' | 'ends' }
  /** A process came up, ended, or was ended. */
  | { kind: 'process'; what: string }
  /** A process threw into its event loop. */
  | { kind: 'thrown'; error: string }

export type Line = Happening & { atMs: number; who: string }

export class History {
  readonly lines: Line[] = []
  readonly #nowMs: () => number
  readonly #hasher = new Bun.CryptoHasher('sha256')

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs
  }

  add(who: string, happening: Happening): void {
    const line: Line = { atMs: this.#nowMs(), who, ...happening }
    this.lines.push(line)
    this.#hasher.update(`${line.atMs} ${textOf(line)}\n`)
  }

  publish({ channel, message, hearers }: Published): void {
    this.add('redis', { kind: 'published', channel, message: readMessage(message), hearers })
  }

  /** Of all so far. */
  hash(): string {
    return this.#hasher.copy().digest('hex').slice(0, 16)
  }
}

/** What a channel carries need not be JSON: it stands under `text` then. */
function readMessage(text: string): Message {
  try {
    const read: unknown = JSON.parse(text)
    if (typeof read === 'object' && read !== null && !Array.isArray(read)) return read as Message
  } catch {
    // Somebody's own text.
  }
  return { text }
}

/** One line as it is hashed and told. */
export function textOf(line: Line): string {
  const who = line.who.padEnd(12)
  switch (line.kind) {
    case 'published':
      return `${who} PUBLISH ${line.channel} ${JSON.stringify(line.message)} → ${line.hearers.join(' ')}`
    case 'switch': {
      const { index: _index, at: _at, ...record } = line.record
      return `${line.switch.padEnd(12)} ${JSON.stringify(record)}`
    }
    case 'log':
      return `${who} ${line.level} ${line.text} ${JSON.stringify(line.fields)}`
    case 'backend':
    case 'wake':
      return `${who} ${line.what} ${JSON.stringify(line.fields)}`
    case 'fault':
      return `${who} FAULT ${line.phase}: ${line.what}`
    case 'process':
      return `${who} PROCESS ${line.what}`
    case 'thrown':
      return `${who} THROWN ${line.error}`
    default:
      return assertNever(line)
  }
}
