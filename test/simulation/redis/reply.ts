// What a command answers, and how the two versions of Redis' protocol write it. All texts here have one character for
// each byte (Latin-1), so that a job of any bytes passes unharmed. RESP3 knows maps, sets and doubles; RESP2 writes them
// as flat arrays and texts.

/** A failed command. The text begins with its code: `WRONGTYPE Operation against …`. */
export interface ErrorReply {
  error: string
}

/** `status` is a simple string, `push` is what RESP3 sends unasked: a message of a channel, the end of a SUBSCRIBE. */
export type Reply =
  | null
  | number
  | string
  | Reply[]
  | ErrorReply
  | { status: string }
  | { map: Reply[] }
  | { set: Reply[] }
  | { double: number }
  | { verbatim: string }
  | { push: Reply[] }
  /** Members with their scores: pairs in RESP3, one flat list in RESP2. */
  | { scored: [member: string, score: number][] }
  /** A list that does not exist, which RESP2 tells from a text that does not. */
  | { nullArray: true }

export type Protocol = 2 | 3

export const OK: Reply = { status: 'OK' }

/** Redis' own default code. */
export const failure = (text: string): ErrorReply => ({ error: `ERR ${text}` })

export const isError = (reply: Reply): reply is ErrorReply =>
  typeof reply === 'object' && reply !== null && 'error' in reply

const CR_LF = '\r\n'

/** The bytes of a reply, one character each. */
export function encode(reply: Reply, protocol: Protocol): string {
  if (reply === null) return protocol === 3 ? '_\r\n' : '$-1\r\n'
  if (typeof reply === 'number') return `:${reply}\r\n`
  if (typeof reply === 'string') return `$${reply.length}\r\n${reply}\r\n`
  if (Array.isArray(reply)) return encodeAll('*', reply.length, reply, protocol)
  // A line of its own, so it has no line ends.
  if ('error' in reply) return `-${reply.error.replace(/[\r\n]/g, ' ')}\r\n`
  if ('status' in reply) return `+${reply.status}\r\n`
  if ('push' in reply) return encodeAll(protocol === 3 ? '>' : '*', reply.push.length, reply.push, protocol)
  if ('nullArray' in reply) return protocol === 3 ? '_\r\n' : '*-1\r\n'
  if ('scored' in reply) return encode(scoresOf(reply.scored, protocol), protocol)
  if (protocol === 2) return encodeAsOld(reply)
  if ('map' in reply) return encodeAll('%', reply.map.length / 2, reply.map, protocol)
  if ('set' in reply) return encodeAll('~', reply.set.length, reply.set, protocol)
  if ('double' in reply) return `,${doubleText(reply.double)}\r\n`
  return `=${reply.verbatim.length + VERBATIM_KIND.length}${CR_LF}${VERBATIM_KIND}${reply.verbatim}\r\n`
}

const VERBATIM_KIND = 'txt:'

function scoresOf(scored: [string, number][], protocol: Protocol): Reply[] {
  const pairs = scored.map(([member, score]): Reply[] => [member, { double: score }])
  return protocol === 3 ? pairs : pairs.flat()
}

type NewInThree = { map: Reply[] } | { set: Reply[] } | { double: number } | { verbatim: string }

function encodeAsOld(reply: NewInThree): string {
  if ('map' in reply) return encodeAll('*', reply.map.length, reply.map, 2)
  if ('set' in reply) return encodeAll('*', reply.set.length, reply.set, 2)
  return encode('double' in reply ? doubleText(reply.double) : reply.verbatim, 2)
}

function encodeAll(mark: string, count: number, items: readonly Reply[], protocol: Protocol): string {
  let text = `${mark}${count}${CR_LF}`
  for (const item of items) text += encode(item, protocol)
  return text
}

/** Redis 7.0 writes a score with 17 digits; ours are whole milliseconds, for which both agree. */
export function doubleText(value: number): string {
  if (value === Number.POSITIVE_INFINITY) return 'inf'
  if (value === Number.NEGATIVE_INFINITY) return '-inf'
  return String(value)
}
