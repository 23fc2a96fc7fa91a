// Finds out which protocol is spoken at an address: by its greeting, by its answer to a harmless line, or by a TLS
// handshake. It is asked only after the right protocol has failed there, so that a person hears "that is a web server"
// instead of how a parser failed. Nothing is logged in, and every connection is closed again.
import { connect as connectPlain, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'

export type Speaker =
  | 'redis'
  | 'sentinel'
  | 'event-socket'
  | 'dialplan-door'
  | 'http'
  | 'manager'
  | 'ssh'
  | 'sip'
  | 'tls'
  | 'redis-tls'
  | 'other'
  /** It takes the connection and says nothing, or ends it. */
  | 'silent'
  | 'unreachable'

/** For a sentence: `What listens there is …`. */
export const SPEAKER_WORDS: Record<Speaker, string> = {
  redis: 'a Redis',
  sentinel: 'a Redis Sentinel',
  'event-socket': "FreeSWITCH's event socket",
  'dialplan-door': "hookswitch's own listener for dialplans (SOCKET_PORT)",
  http: 'a web server (HTTP)',
  manager: "Asterisk's manager interface (AMI)",
  ssh: 'an SSH server',
  sip: 'a SIP server',
  tls: 'something that speaks TLS',
  'redis-tls': 'a Redis that speaks TLS',
  other: 'something that speaks another protocol',
  silent: 'something that says nothing',
  unreachable: 'nothing',
}

export interface Address {
  host: string
  port: number
}

/** Parts of the limit: to connect and to hear an answer, in the clear and then with TLS. */
const PARTS = 4

/** A server that greets does so at once. A later greeting is taken for the answer. */
const GREETING_MS = 100

/** The right protocol is there sooner, as a rule; asking does no harm where it is not. */
const SUSPICIOUS_AFTER_MS = 500

/** Redis, which never greets, answers both; whoever speaks HTTP or SIP answers that this is neither. */
const QUESTION = 'PING\r\nINFO server\r\n\r\n'

/** No greeting or answer that is told apart below needs more. */
const HEARD_CHARACTERS_MAX = 8_192

/** Never rejects. @param limitMs for all of it. */
export async function findSpeaker(address: Address, limitMs: number): Promise<Speaker> {
  const partMs = limitMs / PARTS
  const plain = await hear(connectPlain(address), 'connect', partMs)
  if (plain === undefined) return 'unreachable'
  if (plain !== '' && identify(plain) !== 'tls') return identify(plain)
  // Certificates are not judged: it is asked only whether this is TLS.
  const encrypted = await hear(connectTls({ ...address, rejectUnauthorized: false }), 'secureConnect', partMs)
  if (encrypted === undefined) return plain === '' ? 'silent' : 'tls'
  return identify(encrypted) === 'redis' ? 'redis-tls' : 'tls'
}

/** @returns what it says by itself, else what it answers; empty when it says nothing; undefined when it can't be reached
 *  that way. */
function hear(
  socket: Socket,
  opened: 'connect' | 'secureConnect',
  partMs: number,
): Promise<string | undefined> {
  const { promise, resolve } = Promise.withResolvers<string | undefined>()
  let heard: string | undefined
  let timer = setTimeout(() => resolve(undefined), partMs)
  const ask = () => {
    socket.write(QUESTION)
    timer = setTimeout(() => resolve(heard), partMs)
  }
  socket.once(opened, () => {
    heard = ''
    clearTimeout(timer)
    timer = setTimeout(ask, Math.min(GREETING_MS, partMs))
  })
  socket.on('data', (bytes: Buffer) => {
    heard = `${heard ?? ''}${bytes.toString('latin1')}`
    // Redis' second answer says of which kind it is.
    if (!/^\+PONG\s*$/.test(heard) || heard.length > HEARD_CHARACTERS_MAX) resolve(heard)
  })
  socket.on('error', () => resolve(heard))
  socket.on('close', () => resolve(heard))
  return promise.finally(() => {
    clearTimeout(timer)
    socket.destroy()
  })
}

/** The first that fits. */
const SIGNS: readonly (readonly [text: RegExp, speaker: Speaker])[] = [
  [/redis_mode:sentinel/, 'sentinel'],
  [/^(\+PONG|-[A-Z]{2,} |\$\d+\r\n)/, 'redis'],
  [/^Content-Type: (auth\/request|text\/rude-rejection)/, 'event-socket'],
  [/^connect\r?\n/, 'dialplan-door'],
  [/^(HTTP\/|\s*<)/i, 'http'],
  [/^Asterisk Call Manager/, 'manager'],
  [/^SSH-/, 'ssh'],
  [/^SIP\/2\.0/, 'sip'],
  // An alert record (RFC 8446, 5.1: type 21, version 3): it was told something that is no handshake.
  [/^\cU\cC/, 'tls'],
]

/** Asks who speaks there once `outcome` is late; a mistake that is found then is told without waiting any longer.
 *  @param judge undefined: it is the right one, or can't be told. */
export async function orMistake<Outcome, Mistake>(
  outcome: Promise<Outcome>,
  speaker: () => Promise<Speaker>,
  judge: (speaker: Speaker) => Mistake | undefined,
): Promise<{ outcome: Outcome } | { mistake: Mistake }> {
  const { promise: mistaken, resolve } = Promise.withResolvers<{ mistake: Mistake }>()
  const timer = setTimeout(async () => {
    const mistake = judge(await speaker())
    if (mistake !== undefined) resolve({ mistake })
  }, SUSPICIOUS_AFTER_MS)
  try {
    return await Promise.race([outcome.then(value => ({ outcome: value })), mistaken])
  } finally {
    clearTimeout(timer)
  }
}

const identify = (heard: string): Speaker => SIGNS.find(([text]) => text.test(heard))?.[1] ?? 'other'
