// FreeSWITCH's dialplan as the door of a wake: `socket <host>:<port> async full` connects here for one channel. The
// caller hears ringing while the phone of the account is woken, then the outcome stands in the channel's variables and
// the dialplan goes on. Nothing of a channel reaches anything but the push, and whatever fails here, the dialplan goes
// on: without the variables it rings what is registered.
import { createServer, type Server, type Socket } from 'node:net'
import type { Log } from '../base/log.ts'
import type { Metrics } from '../base/metrics.ts'
import { createRareLog } from '../base/rareLog.ts'
import type { Clock } from '../base/units.ts'
import { canonicalAddress, type NetworkList } from '../config/networks.ts'
import { parseVariableText } from '../esl/allow.ts'
import { type ChannelApplication, ringReady, setVariable } from '../esl/channelApplications.ts'
import { ChannelConnection } from '../esl/channelConnection.ts'
import type { SwitchEvent } from '../esl/event.ts'
import type { ChannelLimits } from '../esl/limits.ts'
import { account as accountCheck, shownLine } from '../http/public/forms.ts'
import { shownNumber } from '../http/public/shownNumber.ts'
import type { WaitLimit } from '../wake/waitPool.ts'
import type { IncomingCall } from '../wake/wake.ts'
import type { HeldOutcome } from '../wake/wakeDesk.ts'

export interface DialplanDoorOptions {
  host: string
  /** 0 takes any free one. */
  port: number
  /** Sockets open at once. What comes beyond is closed after it was taken over, and the dialplan goes on. */
  socketsMax: number
  /** Holds a call until its outcome. @returns the limit by which no further wait can be held. */
  hold: (call: IncomingCall, dropped: AbortSignal) => Promise<HeldOutcome> | WaitLimit
  /** Which switches are admitted: a socket brings no token. */
  isPbx: NetworkList
  isDraining: () => boolean
  limits?: Partial<ChannelLimits>
  metrics: Pick<Metrics, 'dialplanSockets' | 'dialplanOpen' | 'pbxRefused'>
  clock: Clock
  log: Log
}

/** What became of one socket; a label of `hookswitch_dialplan_sockets_total`. */
export const SOCKET_ENDS = ['answered', 'caller-gone', 'refused', 'bad-account', 'limit', 'lost'] as const
type SocketEnd = (typeof SOCKET_ENDS)[number]

/** What the dialplan finds in `hookswitch_status` and `hookswitch_reason`. */
interface Answer {
  status: 'ACK' | 'NAK'
  reason: string
  deviceId?: string
  waitedMs?: number
}

export interface DialplanDoor {
  port: number
  /** Takes no new channel. */
  stopAccepting(): void
  /** Lets those go on that have their outcome, and ends what is open after a second: those dialplans go on, too. */
  close(): Promise<void>
}

/** @throws when the address can't be listened on. */
export async function openDialplanDoor(options: DialplanDoorOptions): Promise<DialplanDoor> {
  const { metrics, log } = options
  const open = new Set<ChannelConnection>()
  let onEmpty: (() => void) | undefined
  const noteRefusal = createRareLog(log, options.clock)
  for (const end of SOCKET_ENDS) metrics.dialplanSockets.inc({ end }, 0)

  const server: Server = createServer(socket => take(socket))
  server.listen({ host: options.host, port: options.port, backlog: BACKLOG })
  await new Promise<void>((resolve, reject) => {
    server.once('listening', resolve)
    server.once('error', reject)
  })
  server.on('error', thrown => log.error({ err: thrown }, 'the dialplan’s listener failed'))

  function take(socket: Socket): void {
    const address = canonicalAddress(socket.remoteAddress ?? '') ?? ''
    const visit = openVisit(address)
    let connection: ChannelConnection
    try {
      connection = new ChannelConnection(socket, visit.hooks, options.limits)
    } catch (thrown) {
      // Gone in the moment in which it came.
      log.debug({ err: thrown }, 'a dialplan’s socket was not taken')
      socket.destroy()
      return
    }
    visit.connection = connection
    open.add(connection)
    metrics.dialplanOpen.set(open.size)
  }

  /** One channel, from its socket to the dialplan's going on. */
  function openVisit(address: string) {
    const caller = new AbortController()
    /** The dialplan has its answer, or its caller is gone: what else happens is no news. */
    let isSettled = false
    let goodbye: ReturnType<typeof setTimeout> | undefined

    const settle = (end: SocketEnd) => {
      if (isSettled) return
      isSettled = true
      metrics.dialplanSockets.inc({ end })
    }

    function leave(): void {
      const { connection } = visit
      if (!connection) return
      clearTimeout(goodbye)
      open.delete(connection)
      metrics.dialplanOpen.set(open.size)
      if (open.size === 0) onEmpty?.()
    }

    function callerGone(): void {
      settle('caller-gone')
      caller.abort()
    }

    const visit = {
      connection: undefined as ChannelConnection | undefined,
      hooks: {
        onReady(channel: SwitchEvent): void {
          const { connection } = visit
          if (!connection) return
          void serve(connection, channel).catch(thrown => {
            log.error({ err: thrown }, 'a dialplan’s socket failed')
            connection.close()
            leave()
          })
        },
        onEvent(event: SwitchEvent): void {
          if (event.name === 'CHANNEL_HANGUP') callerGone()
        },
        onLost(): void {
          leave()
          settle('lost')
          // Without its socket nobody hears of the channel any more: it may be over.
          caller.abort()
        },
      },
    }

    /** Says so, and lets the dialplan go on. */
    async function answer(connection: ChannelConnection, given: Answer, end: SocketEnd): Promise<void> {
      settle(end)
      for (const application of applicationsOf(given)) void connection.execute(application)
      await exit(connection)
    }

    /** The switch says goodbye and closes; one that does not in time is closed by us. */
    async function exit(connection: ChannelConnection): Promise<void> {
      const said = await connection.exit()
      if (said.kind === 'ok' && !open.has(connection)) return
      const end = () => {
        connection.close()
        leave()
      }
      if (said.kind === 'ok') goodbye = setTimeout(end, GOODBYE_MS)
      else end()
    }

    async function serve(connection: ChannelConnection, channel: SwitchEvent): Promise<void> {
      if (!options.isPbx(address)) {
        metrics.pbxRefused.inc({ reason: 'address' })
        noteRefusal(address, { client: address, reason: 'address' }, 'a dialplan’s socket was refused')
        settle('refused')
        return exit(connection)
      }
      const call = callOf(channel)
      if (!call) {
        noteRefusal(
          `account ${address}`,
          { client: address },
          'a dialplan’s socket without a usable hookswitch_account: set it before `socket`',
        )
        return answer(connection, { status: 'NAK', reason: 'bad-account' }, 'bad-account')
      }
      if (options.isDraining() || open.size > options.socketsMax)
        return answer(connection, { status: 'NAK', reason: 'busy' }, 'limit')
      void connection.execute(ringReady())
      // Asked for before the phones are: a caller who has left already must wake nobody.
      void connection.followEvents()
      const held = options.hold(call, caller.signal)
      if (typeof held === 'string') return answer(connection, { status: 'NAK', reason: 'busy' }, 'limit')
      const { status, reason, deviceId, waitedMs } = await held
      if (caller.signal.aborted) {
        connection.close()
        return leave()
      }
      return answer(connection, { status, reason, ...(deviceId ? { deviceId } : {}), waitedMs }, 'answered')
    }

    return visit
  }

  const emptied = (): Promise<void> =>
    new Promise(resolve => {
      onEmpty = resolve
      if (open.size === 0) resolve()
    })

  return {
    port: (server.address() as { port: number }).port,

    stopAccepting(): void {
      server.close()
    },

    async close(): Promise<void> {
      server.close()
      await Promise.race([emptied(), Bun.sleep(LAST_WORDS_MS)])
      for (const connection of open) connection.close()
      open.clear()
    },
  }
}

/** FreeSWITCH closes within milliseconds of its goodbye. */
const GOODBYE_MS = 5_000

/** At the end of the process: what an outcome and a goodbye take many times over. */
const LAST_WORDS_MS = 1_000

/** Channels whose sockets come in one moment: 2,000 is a burst of a large switch. */
const BACKLOG = 2_048

/** Reads the called account and the caller from the channel's variables. @returns undefined when no account can be read. */
function callOf(channel: SwitchEvent): IncomingCall | undefined {
  const account = accountCheck.read(channel.header('variable_hookswitch_account')?.trim())
  const callId = channel.header('Unique-ID')
  if (account === undefined || callId === undefined) return undefined
  return {
    account,
    callId,
    phonenumber: shownNumber.read(channel.header('Caller-Caller-ID-Number') ?? '') ?? '',
    callerId: shownLine.read(channel.header('Caller-Caller-ID-Name') ?? '') ?? '',
  }
}

/** A device's id comes from an app: one that could mean something to the switch is left out. */
function applicationsOf({ status, reason, deviceId, waitedMs }: Answer): ChannelApplication[] {
  const values = {
    hookswitch_status: status,
    hookswitch_reason: reason,
    hookswitch_device_id: deviceId,
    hookswitch_waited_ms: waitedMs === undefined ? undefined : String(waitedMs),
  }
  return Object.entries(values).flatMap(([name, value]) => {
    const text = parseVariableText(value)
    return text.ok ? [setVariable(name, text.value)] : []
  })
}
