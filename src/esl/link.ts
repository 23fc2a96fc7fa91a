// The agent's link to one switch: keeps one connection up for ever, and offers commands, background jobs and events
// over whichever connection is up now. A lost connection fails everything that waits, at once; nothing is sent twice,
// because a second originate would ring a phone twice. What became of calls meanwhile is found out in dial/.
import type { Log } from '../base/log.ts'
import { assert, messageOf } from '../base/result.ts'
import { asWireText, type EslCommand, type EslMessage, type EslPacket, messagePacket } from './command.ts'
import type { LinkLoss } from './connection.ts'
import type { SwitchEvent } from './event.ts'
import { JobTable } from './jobs.ts'
import { LINK_LIMITS, type LinkLimits } from './limits.ts'
import { type CommandOutcome, outcomeOf } from './outcome.ts'
import { CommandShares, kindOf } from './shares.ts'
import { type ConnectionSettings, type EventFilter, SwitchConnection } from './switchConnection.ts'

export type { LinkLoss } from './connection.ts'
export type { EventFilter } from './switchConnection.ts'

/** `waiting`: between two attempts. `refused`: the same, after a wrong password or an access list said no. */
export type LinkState = 'idle' | 'connecting' | 'ready' | 'waiting' | 'refused' | 'closed'

export interface LinkReady {
  /** The switch's own id, new with every start of FreeSWITCH: another one means that all calls are gone. */
  coreUuid: string
  /** Which attempt succeeded, counted from 1 since the last loss. */
  attempt: number
}

export interface SwitchLinkOptions {
  host: string
  port: number
  password: string
  /** Default `DIAL_EVENTS`. */
  events?: readonly string[]
  /** Default `DIAL_FILTERS`. An empty list passes every event of the switch. */
  filters?: readonly EventFilter[]
  limits?: Partial<LinkLimits>
  log: Log
  /** For the jitter between attempts, 0 <= x < 1. */
  random: () => number
  /** Measures how long the switch takes for its replies. */
  meter?: CommandMeter
  /** Subscribed and usable. Called before any event of that connection. */
  onReady(ready: LinkReady): void
  /** Once for each `onReady`, unless `close` ended it. Everything that waited has been settled with `lost`. */
  onLost(loss: LinkLoss): void
  /** Every event that passes the filters, in the switch's order, synchronously. Results of our own background jobs
   *  come here too, before the job's promise continues. What it throws is logged, and the next event follows. */
  onEvent(event: SwitchEvent): void
}

export interface CommandMeter {
  /** A stopwatch in milliseconds that never goes back. */
  nowMs(): number
  /** Told of each command that has its reply or will have none.
   *  @param command its first word: `uuid_kill`, `originate`, `sendevent`. */
  onReply(command: string, outcome: CommandOutcome['kind'], tookMs: number): void
}

export interface BackgroundJob {
  /** The switch's reply, within the command time limit. Not ok: `result` is the same outcome. */
  accepted: Promise<CommandOutcome>
  /** The job's own end, within the time the caller gave. May come before `accepted`. */
  result: Promise<CommandOutcome>
}

/** What dial/ follows its calls with. */
export const DIAL_EVENTS: readonly string[] = [
  'CHANNEL_CREATE',
  'CHANNEL_PROGRESS',
  'CHANNEL_PROGRESS_MEDIA',
  'CHANNEL_ANSWER',
  'CHANNEL_BRIDGE',
  'CHANNEL_UNBRIDGE',
  'CHANNEL_PARK',
  'CHANNEL_EXECUTE',
  'CHANNEL_EXECUTE_COMPLETE',
  'CHANNEL_HANGUP',
  'CHANNEL_HANGUP_COMPLETE',
  'BACKGROUND_JOB',
  'HEARTBEAT',
  'SHUTDOWN',
]

/** Calls that carry a dial id, and the events that belong to no call: five thousand foreign calls cost us nothing. */
export const DIAL_FILTERS: readonly EventFilter[] = [
  { header: 'variable_dial_id', value: '/.+/' },
  { header: 'Event-Name', value: 'BACKGROUND_JOB' },
  { header: 'Event-Name', value: 'HEARTBEAT' },
  { header: 'Event-Name', value: 'SHUTDOWN' },
]

/** Of events that belong to no call and bear a subclass. */
const CUSTOM_FILTER = 'Event-Name CUSTOM'
const SUBCLASS = /^[a-z_]+::[a-z_]+$/

/** FreeSWITCH keeps 36 characters of a Job-UUID (mod_event_socket.c) and sends the cut one back. */
const JOB_UUID = /^[0-9A-Za-z-]{1,36}$/

export class SwitchLink {
  readonly #options: SwitchLinkOptions
  readonly #settings: ConnectionSettings
  readonly #limits: LinkLimits
  readonly #log: Log
  readonly #jobs = new JobTable()
  readonly #shares: CommandShares
  #connection: SwitchConnection | undefined
  #retryTimer: ReturnType<typeof setTimeout> | undefined
  #watchTimer: ReturnType<typeof setInterval> | undefined
  #state: LinkState = 'idle'
  #coreUuid: string | undefined
  #attempt = 0
  #isOutageTold = false

  /** Does nothing until `start`. @throws when the password, an event or a filter holds a line end: a bug. */
  constructor(options: SwitchLinkOptions) {
    const { host, port, password } = options
    const filters = options.filters ?? DIAL_FILTERS
    const events = options.events ?? DIAL_EVENTS
    for (const text of [password, ...events]) asWireText(text)
    for (const { header, value } of filters) asWireText(`${header} ${value}`)
    assert(events.length > 0, 'a link subscribes to something')
    this.#options = options
    this.#settings = { host, port, password, events, filters }
    this.#limits = { ...LINK_LIMITS, ...options.limits }
    this.#shares = new CommandShares(this.#limits)
    this.#log = options.log.child({ switchHost: host, switchPort: port })
  }

  get state(): LinkState {
    return this.#state
  }

  get isReady(): boolean {
    return this.#state === 'ready'
  }

  /** The switch we are, or were last, connected to. */
  get coreUuid(): string | undefined {
    return this.#coreUuid
  }

  /** Commands without a reply plus jobs without a result, for a metric. */
  get outstanding(): number {
    return (this.#connection?.waitingReplies ?? 0) + this.#jobs.size
  }

  /** An originate given now could not be sent: too many commands are unanswered. */
  get isBusy(): boolean {
    const { waitingCommandsMax, jobsMax } = this.#limits
    if (this.#shares.isFullOfOriginates) return true
    return (this.#connection?.waitingReplies ?? 0) >= waitingCommandsMax || this.#jobs.size >= jobsMax
  }

  /** Connects, and reconnects until `close`. */
  start(): void {
    assert(this.#state === 'idle', 'a link is started once')
    this.#connect()
  }

  /** Ends the link for good. What waits is settled with `lost`; no hook is called any more. */
  close(): void {
    this.#state = 'closed'
    clearTimeout(this.#retryTimer)
    clearInterval(this.#watchTimer)
    this.#connection?.close()
    this.#connection = undefined
    this.#jobs.settleAll({ kind: 'lost' })
  }

  /** Runs a command and waits for its answer; the switch reads nothing else from us meanwhile, so only quick ones.
   *  Resolves in every case. `timeout` also drops the connection. @throws when the command is no single line. */
  api(command: EslCommand, timeoutMs: number = this.#limits.commandTimeoutMs): Promise<CommandOutcome> {
    return this.#ask({ line: `api ${asWireText(command)}` }, timeoutMs, wordOf(command))
  }

  /** Starts a command in the background. Its bytes are on the socket when this returns, if the link is ready.
   *  @param job.timeoutMs how long to wait for `result`; its passing changes nothing at the switch.
   *  @throws when the job id is in use or malformed, or the command no single line: bugs. */
  bgapi(command: EslCommand, job: { jobUuid: string; timeoutMs: number }): BackgroundJob {
    assert(JOB_UUID.test(job.jobUuid), 'a job id is a uuid')
    const packet = { line: `bgapi ${asWireText(command)}`, headers: { 'Job-UUID': job.jobUuid } }
    if (this.#jobs.size >= this.#limits.jobsMax) {
      const busy = Promise.resolve<CommandOutcome>({ kind: 'busy' })
      return { accepted: busy, result: busy }
    }
    const result = this.#jobs.add(job.jobUuid, job.timeoutMs)
    const accepted = this.#ask(packet, this.#limits.commandTimeoutMs, wordOf(command), outcome => {
      if (outcome.kind !== 'ok') this.#jobs.settle(job.jobUuid, outcome)
    })
    return { accepted, result }
  }

  /** Fires an event on the switch. `ok` only says that the switch took it, even for a channel that is gone. */
  sendEvent(message: EslMessage, timeoutMs: number = this.#limits.commandTimeoutMs): Promise<CommandOutcome> {
    return this.#ask(messagePacket(message), timeoutMs, 'sendevent')
  }

  /** Hears modules' own events too, of these subclasses, until the connection ends. A filter lets them through.
   *  @throws when one is no single word: a bug. */
  hear(subclasses: readonly string[]): Promise<CommandOutcome> {
    assert(
      subclasses.every(each => SUBCLASS.test(each)),
      'a subclass is one word',
    )
    const timeoutMs = this.#limits.commandTimeoutMs
    void this.#ask({ line: `filter ${CUSTOM_FILTER}` }, timeoutMs, 'filter')
    return this.#ask({ line: `event plain CUSTOM ${subclasses.join(' ')}` }, timeoutMs, 'event')
  }

  hearNoMore(subclasses: readonly string[]): void {
    const timeoutMs = this.#limits.commandTimeoutMs
    void this.#ask({ line: `nixevent CUSTOM ${subclasses.join(' ')}` }, timeoutMs, 'nixevent')
    void this.#ask({ line: `filter delete ${CUSTOM_FILTER}` }, timeoutMs, 'filter')
  }

  #ask(
    packet: EslPacket,
    timeoutMs: number,
    word: string,
    onOutcome?: (outcome: CommandOutcome) => void,
  ): Promise<CommandOutcome> {
    const { meter } = this.#options
    let sentAtMs = meter?.nowMs() ?? 0
    return new Promise(resolve => {
      const settle = (outcome: CommandOutcome): void => {
        meter?.onReply(word, outcome.kind, meter.nowMs() - sentAtMs)
        onOutcome?.(outcome)
        resolve(outcome)
      }
      const send = (answered: () => void): void => {
        sentAtMs = meter?.nowMs() ?? 0
        const settleAnswered = (outcome: CommandOutcome): void => {
          answered()
          settle(outcome)
        }
        if (this.#connection) this.#connection.ask(packet, timeoutMs, settleAnswered)
        else settleAnswered({ kind: 'lost' })
      }
      if (!this.#shares.give(kindOf(word), send)) settle({ kind: 'busy' })
    })
  }

  #connect(): void {
    this.#state = 'connecting'
    this.#attempt += 1
    this.#connection = new SwitchConnection(this.#settings, this.#limits, {
      onReady: coreUuid => this.#becomeReady(coreUuid),
      onEvent: event => this.#onEvent(event),
      onLost: loss => this.#onLost(loss),
    })
  }

  #becomeReady(coreUuid: string): void {
    const attempt = this.#attempt
    this.#attempt = 0
    this.#isOutageTold = false
    this.#state = 'ready'
    this.#coreUuid = coreUuid
    this.#log.info({ coreUuid, attempt }, 'switch link ready')
    this.#watch()
    this.#guard('onReady', () => this.#options.onReady({ coreUuid, attempt }))
  }

  #onEvent(event: SwitchEvent): void {
    this.#guard('onEvent', () => this.#options.onEvent(event))
    if (this.#jobs.size === 0 || event.name !== 'BACKGROUND_JOB') return
    this.#jobs.settle(event.header('Job-UUID') ?? '', outcomeOf(event.body ?? ''))
  }

  #onLost(loss: LinkLoss): void {
    const wasReady = this.#state === 'ready'
    clearInterval(this.#watchTimer)
    this.#connection = undefined
    this.#state = loss.kind === 'refused' ? 'refused' : 'waiting'
    const retryMs = this.#retryDelayMs()
    // The log warns once for each outage, not for every attempt of a long one.
    if (loss.kind === 'refused') this.#log.error({ loss, retryMs }, 'switch refuses the link')
    else if (this.#isOutageTold)
      this.#log.debug({ loss, retryMs, attempt: this.#attempt }, 'switch not reached')
    else this.#log.warn({ loss, retryMs }, wasReady ? 'switch link lost' : 'switch not reached; trying again')
    this.#isOutageTold = true
    this.#retryTimer = setTimeout(() => this.#connect(), retryMs)
    this.#jobs.settleAll({ kind: 'lost' })
    if (wasReady) this.#guard('onLost', () => this.#options.onLost(loss))
  }

  /** Doubling, with jitter over the upper half: a hundred agents must not knock in step at a switch that restarts. */
  #retryDelayMs(): number {
    const { refusedRetryMs, reconnectMinMs, reconnectMaxMs } = this.#limits
    const doublings = Math.max(0, this.#attempt - 1)
    const fullMs =
      this.#state === 'refused' ? refusedRetryMs : Math.min(reconnectMaxMs, reconnectMinMs * 2 ** doublings)
    return Math.round(fullMs * (0.5 + this.#options.random() / 2))
  }

  /** HEARTBEAT comes in every interval, so silence means a dead peer, or a switch set to a longer interval: a probe
   *  tells which. */
  #watch(): void {
    const connection = this.#connection
    let seen = connection?.chunksReceived ?? 0
    let missed = 0
    this.#watchTimer = setInterval(() => {
      if (!connection) return
      missed = connection.chunksReceived === seen ? missed + 1 : 0
      seen = connection.chunksReceived
      // Commands that wait have their own time limit, which ends the connection as the probe would.
      if (missed < this.#limits.heartbeatsMissedMax || connection.waitingReplies > 0) return
      missed = 0
      const probe = { line: 'api global_getvar core_uuid' }
      connection.ask(probe, this.#limits.commandTimeoutMs, () => {}, { kind: 'silent' })
    }, this.#limits.heartbeatIntervalMs)
  }

  /** A hook that throws has a bug: it is told, and the link goes on for everybody else's calls. */
  #guard(hook: string, call: () => void): void {
    try {
      call()
    } catch (error) {
      this.#log.error({ err: error, hook }, `a hook of the switch link threw: ${messageOf(error)}`)
    }
  }
}

/** A command's first word. Commands are our own (see `command.ts`), so these are few. */
function wordOf(command: EslCommand): string {
  const blank = command.indexOf(' ')
  return blank < 0 ? command : command.slice(0, blank)
}
