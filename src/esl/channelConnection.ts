// The connection that a switch makes to us for one channel: `socket host:port async full` in its dialplan, FreeSWITCH's
// outbound event socket. Asks whose channel it is, then carries commands for that channel alone and its events. Nobody
// logs in. Who may connect, what is asked of the channel and how many connections there are is not decided here.
//
// However the connection ends, the dialplan must go on. FreeSWITCH 1.10.12 parks the channel for ever when the peer of
// an `async` socket leaves before it has said `connect` or in the same moment (measured), unless `resume` was said or
// the dialplan has set `socket_resume=true`. So `resume` is among the first bytes, and a connection that will be refused
// is taken over first, too; the variable is for a process that dies before it accepts.
import type { Socket } from 'node:net'
import { assert } from '../base/result.ts'
import type { ChannelApplication } from './channelApplications.ts'
import type { EslPacket } from './command.ts'
import { type ConnectionHooks, EslConnection } from './connection.ts'
import type { SwitchEvent } from './event.ts'
import { CHANNEL_LIMITS, type ChannelLimits } from './limits.ts'
import type { CommandOutcome } from './outcome.ts'
import { ReplyFrame } from './reply.ts'

export interface ChannelHooks extends ConnectionHooks {
  /** The switch has told whose channel this is: its headers and variables (`Unique-ID`, `Caller-Caller-ID-Name`,
   *  `variable_…`), which are text of the caller's and not judged. Commands are taken from now on, events come after
   *  `followEvents`. */
  onReady(channel: SwitchEvent): void
}

export class ChannelConnection extends EslConnection {
  readonly #limits: ChannelLimits
  readonly #hooks: ChannelHooks

  /** Takes over an accepted socket, its end included, and says `connect` and `resume`. The hooks are called later,
   *  never from in here. */
  constructor(accepted: Socket, hooks: ChannelHooks, limits?: Partial<ChannelLimits>) {
    const allLimits = limits ? { ...CHANNEL_LIMITS, ...limits } : CHANNEL_LIMITS
    super([accepted], allLimits, hooks)
    this.#limits = allLimits
    this.#hooks = hooks
    this.askInHandshake({ line: 'resume' }, () => undefined)
  }

  // modesl calls this when `connect` is answered, and would subscribe to events of its own.
  override subscribe(): void {
    const answer = this.getInfo()
    if (!(answer instanceof ReplyFrame) || !answer.channel) {
      return this.end({ kind: 'handshake-failed', detail: 'no channel data' })
    }
    // modesl would keep all of it for as long as the connection lives: 5 to 250 KB for each ringing phone.
    this.channelData = null
    this.becomeReady()
    this.#hooks.onReady(answer.channel)
  }

  // linger <seconds>
  /** Has the switch keep the connection that long after the channel's hangup. Without it the stream may end before
   *  CHANNEL_HANGUP_COMPLETE. */
  linger(seconds: number): Promise<CommandOutcome> {
    assert(Number.isInteger(seconds) && seconds > 0 && seconds <= LINGER_SECONDS_MAX, 'seconds to linger')
    return this.#settled({ line: `linger ${seconds}` })
  }

  // myevents plain
  /** Has the switch send this channel's events, and no other's. */
  followEvents(): Promise<CommandOutcome> {
    return this.#settled({ line: 'myevents plain' })
  }

  // sendmsg / call-command: execute / execute-app-name: <name> / execute-app-arg: <argument>
  /** Queues an application. `ok` says that the channel will run it, some 20 ms later and before the dialplan goes on;
   *  its end is CHANNEL_EXECUTE_COMPLETE. */
  execute({ name, argument }: ChannelApplication): Promise<CommandOutcome> {
    const headers = { 'call-command': 'execute', 'execute-app-name': name }
    return this.#settled({
      line: 'sendmsg',
      headers: argument === undefined ? headers : { ...headers, 'execute-app-arg': argument },
    })
  }

  // exit
  /** Has the switch end the connection: what was queued is run, then the dialplan goes on. `ok`: it says goodbye, and
   *  `onLost` follows with `disconnect-notice`. */
  exit(): Promise<CommandOutcome> {
    return this.#settled({ line: 'exit' })
  }

  #settled(packet: EslPacket): Promise<CommandOutcome> {
    return new Promise(resolve => this.ask(packet, this.#limits.commandTimeoutMs, resolve))
  }
}

/** The CDR of a channel is written long before; more would only keep sockets open. */
const LINGER_SECONDS_MAX = 60
