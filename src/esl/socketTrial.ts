// Tries whether a switch reaches the listener for its dialplans (SOCKET_HOST, SOCKET_PORT), as its dialplan would: by a
// channel of its own that is nobody's phone (the endpoint `null` of mod_loopback), which opens the socket and is ended
// again. Where the service does not run, a listener of ours stands there for that moment.
import { once } from 'node:events'
import { createServer, type Server } from 'node:net'
import { type Finding, fine, warning } from '../base/finding.ts'
import { isLoopback } from '../config/config.ts'

/** Asks the switch. @returns its answer without the last line end; undefined when there is none. */
export type Ask = (command: string) => Promise<string | undefined>

export interface SocketTrialOptions {
  /** Where the service listens, or will. */
  host: string
  port: number
  /** The address of ours by which the switch is connected: it stands for "all addresses". */
  ourAddress: string | undefined
  limitMs: number
}

const CHECK = 'dialplan socket'

const ASK_AGAIN_MS = 50

/** What a channel's variable is while nobody has set it. */
const UNSET = '_undef_'

/** A name or an IPv4 address: what stands here becomes an argument of an application. */
const HOST = /^[A-Za-z0-9_.-]{1,253}$/

/** Never rejects. */
export async function trySocket(ask: Ask, options: SocketTrialOptions): Promise<Finding[]> {
  const host = options.host === '0.0.0.0' ? (options.ourAddress ?? '') : options.host
  // Told by the settings' own examination, where it can't be mended by waiting.
  if (!HOST.test(host)) return []
  const at = `${host}:${options.port}`
  if ((await ask('module_exists mod_loopback')) !== 'true')
    return [fine(CHECK, `Whether FreeSWITCH reaches ${at} was not tried: its mod_loopback is not loaded.`)]
  const stand = await standIn(options)
  const uuid = crypto.randomUUID()
  try {
    const answer = await ask(
      `originate {origination_uuid=${uuid},socket_resume=true}null/hookswitch 'socket:${at} async full,park' inline`,
    )
    if (!answer?.startsWith('+OK'))
      return [fine(CHECK, `Whether FreeSWITCH reaches ${at} was not tried: it makes no channel for that.`)]
    if (stand === undefined) return [await judgeService(ask, uuid, at, options.limitMs)]
    const isReached = await Promise.race([stand.reached, Bun.sleep(options.limitMs).then(() => false)])
    if (isReached) return [fine(CHECK, `FreeSWITCH reaches ${at}, where its dialplan will find us.`)]
    return [unreached(at, options.host)]
  } finally {
    stand?.server.close()
    await ask(`uuid_kill ${uuid}`)
  }
}

/** @returns undefined when somebody listens there already. */
async function standIn({
  host,
  port,
}: SocketTrialOptions): Promise<{ server: Server; reached: Promise<true> } | undefined> {
  const { promise: reached, resolve } = Promise.withResolvers<true>()
  const server = createServer(socket => {
    resolve(true)
    socket.on('error', () => undefined)
    socket.destroy()
  })
  try {
    server.listen({ host, port, exclusive: true })
    await once(server, 'listening')
    return { server, reached }
  } catch {
    // The service runs, or the start will tell why it can't listen.
    return undefined
  }
}

/** The door answers every channel; one that names no account hears `bad-account`. */
async function judgeService(ask: Ask, uuid: string, at: string, limitMs: number): Promise<Finding> {
  const deadlineMs = performance.now() + limitMs
  const variable = async (name: string) => (await ask(`uuid_getvar ${uuid} ${name}`)) ?? UNSET
  while (performance.now() < deadlineMs) {
    if ((await variable('hookswitch_reason')) !== UNSET)
      return fine(CHECK, `FreeSWITCH reaches ${at}, and hookswitch answers its dialplan.`)
    // The dialplan has gone on without an answer.
    if ((await variable('current_application')) === 'park') break
    await Bun.sleep(ASK_AGAIN_MS)
  }
  return warning(
    CHECK,
    `FreeSWITCH's dialplan gets no answer at ${at}: it can't be reached from there, or PBX_ALLOW does not have FreeSWITCH's address.`,
    'See the log of hookswitch for a refused PBX, and its PBX_ALLOW; SOCKET_HOST must be an address that FreeSWITCH reaches. Set SOCKET_PORT=0 if no dialplan asks.',
  )
}

const unreached = (at: string, host: string): Finding =>
  warning(
    CHECK,
    `FreeSWITCH can't reach the dialplan's socket at ${at}: its dialplan would go on without waking anybody.`,
    isLoopback(host)
      ? 'Set SOCKET_HOST to an address of this machine that the switch reaches, and name the switch in PBX_ALLOW; or set SOCKET_PORT=0.'
      : 'See what stands between (a firewall, a network policy), and whether SOCKET_HOST is an address that the switch reaches; or set SOCKET_PORT=0.',
  )
