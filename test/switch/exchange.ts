// One life of the switch, from start to death: its channels, its clockwork and its counters, and the way out for its
// events. What outlives it (phones, gateways, files, the record) is the plant, handed from life to life.

import type { Channel } from './channel.ts'
import { type Headers, SwitchEvent } from './events.ts'
import type { Injection } from './injections.ts'
import type { PhoneBook } from './phones.ts'
import type { Records } from './records.ts'
import { Registrations } from './registrations.ts'
import type { GatewayState, Misbehaviour, SecondLegTurn, Settings } from './settings.ts'
import { Timers } from './timers.ts'

/** What a restart leaves in place. */
export interface Plant {
  settings: Settings
  misbehaviour: Misbehaviour
  phones: PhoneBook
  gateways: Map<string, GatewayState>
  /** Sound files by path, with their length in the switch's seconds. */
  files: Map<string, number>
  records: Records
  injections: Injection[]
}

type Origin = readonly [file: string, fn: string, line: string]

export class Exchange {
  readonly plant: Plant
  readonly settings: Settings
  readonly coreUuid: string
  readonly startedAtMs: number
  readonly timers: Timers
  readonly channels = new Map<string, Channel>()
  readonly registrations = new Registrations()
  /** Ended channels that a lagging `show` still tells of. */
  readonly recentlyEnded: Channel[] = []
  channelsSinceStart = 0
  channelsPeak = 0
  scheduledTasks = 0
  /** Its endpoints are gone already. */
  isShuttingDown = false
  #deliver: (event: SwitchEvent) => void
  #sequence = 0
  #rateWindow = { startMs: 0, count: 0 }
  #dates = { second: 0, local: '', gmt: '' }

  constructor(plant: Plant, deliver: (event: SwitchEvent) => void) {
    this.plant = plant
    this.settings = plant.settings
    this.coreUuid = plant.settings.newUuid()
    this.startedAtMs = plant.settings.clock()
    this.timers = new Timers(plant.settings)
    this.#deliver = deliver
  }

  get misbehaviour(): Misbehaviour {
    return this.plant.misbehaviour
  }

  nowMs(): number {
    return this.settings.clock()
  }

  /** The wall clock in microseconds, as events give it. */
  nowMicros(): number {
    return this.settings.clock() * 1_000
  }

  /** A living channel. One that has been hung up is found until its HANGUP_COMPLETE. */
  find(uuid: string): Channel | undefined {
    return this.channels.get(uuid)
  }

  /** Decides a race that the recordings show both ways. The first way is the recorded majority. */
  chance(): boolean {
    return this.misbehaviour.shuffleRaces && this.settings.random() < 0.5
  }

  /** Decides the race of a second leg's HANGUP_COMPLETE. */
  turnOfSecondLeg(usual: SecondLegTurn): SecondLegTurn {
    const { secondLegCompletes, shuffleRaces } = this.misbehaviour
    if (secondLegCompletes !== 'usual') return secondLegCompletes
    return shuffleRaces ? TURNS[Math.floor(this.settings.random() * TURNS.length)]! : usual
  }

  /** Counts a new channel. @returns false when a limit refuses it. */
  admit(): boolean {
    const { isPaused, maxChannels, maxRate } = this.misbehaviour
    if (isPaused) return false
    if (maxChannels > 0 && this.channels.size >= maxChannels) return false
    const now = this.nowMs()
    if (now - this.#rateWindow.startMs >= this.settings.msPerSecond)
      this.#rateWindow = { startMs: now, count: 0 }
    if (maxRate > 0 && this.#rateWindow.count >= maxRate) return false
    this.#rateWindow.count += 1
    return true
  }

  keep(channel: Channel): void {
    this.channels.set(channel.uuid, channel)
    this.channelsPeak = Math.max(this.channelsPeak, this.channels.size)
  }

  forget(channel: Channel): void {
    this.channels.delete(channel.uuid)
    const lagMs = this.misbehaviour.showLagMs
    if (lagMs === 0) return
    channel.endedAtMs = this.nowMs()
    this.recentlyEnded.push(channel)
    this.timers.after(lagMs, () => this.recentlyEnded.shift())
  }

  fire(event: SwitchEvent): void {
    this.#deliver(event)
  }

  /** Fires an event that concerns no channel. */
  fireGeneral(name: string, headers: Headers, more: { body?: string; origin?: Origin } = {}): void {
    const start = this.eventStart(name, more.origin)
    const body = more.body === undefined ? {} : { body: more.body }
    this.fire(new SwitchEvent({ name, build: () => [...start(), ...headers], ...body }))
  }

  /** Fires CUSTOM, with or without a subclass. */
  fireCustom(subclass: string | undefined, headers: Headers, first: Headers = []): void {
    const start = this.eventStart('CUSTOM')
    const named: Headers = subclass === undefined ? first : ['Event-Subclass', subclass, ...first]
    const build = (): Headers => [...named, ...start(), ...headers]
    this.fire(new SwitchEvent({ name: 'CUSTOM', ...(subclass === undefined ? {} : { subclass }), build }))
  }

  /** The headers that every event begins with. Counts the event now and writes them when somebody looks. */
  eventStart(
    name: string,
    origin: Origin = ORIGINS[name] ?? ['switch_core.c', 'test_switch', '1'],
  ): () => Headers {
    this.#sequence += 1
    const sequence = String(this.#sequence)
    const micros = this.nowMicros()
    return () => {
      const headers: Headers = ['Event-Name', name, 'Core-UUID', this.coreUuid]
      headers.push(
        'FreeSWITCH-Hostname',
        this.settings.hostname,
        'FreeSWITCH-Switchname',
        this.settings.hostname,
      )
      if (this.settings.bulky) {
        headers.push('FreeSWITCH-IPv4', '192.0.2.2', 'FreeSWITCH-IPv6', '2001:db8::2')
        const { local, gmt } = this.dates(micros)
        headers.push('Event-Date-Local', local, 'Event-Date-GMT', gmt)
      }
      headers.push('Event-Date-Timestamp', String(micros))
      if (this.settings.bulky) {
        const [file, fn, line] = origin
        headers.push(
          'Event-Calling-File',
          file,
          'Event-Calling-Function',
          fn,
          'Event-Calling-Line-Number',
          line,
        )
      }
      headers.push('Event-Sequence', sequence)
      return headers
    }
  }

  /** A time as events write it. The switch's local time is GMT. */
  dates(micros: number): { local: string; gmt: string } {
    const second = Math.floor(micros / 1_000_000)
    if (second !== this.#dates.second) {
      const date = new Date(second * 1_000)
      const local = date.toISOString().slice(0, 19).replace('T', ' ')
      this.#dates = { second, local, gmt: date.toUTCString() }
    }
    return this.#dates
  }
}

const TURNS = ['first', 'between', 'last'] as const

// Where 1.10.12 fires each event from, as recorded.
const ORIGINS: Record<string, Origin> = {
  CHANNEL_CREATE: ['switch_core_state_machine.c', 'switch_core_session_run', '626'],
  CHANNEL_PROGRESS: ['switch_channel.c', 'switch_channel_perform_mark_ring_ready_value', '3505'],
  CHANNEL_PROGRESS_MEDIA: ['switch_channel.c', 'switch_channel_perform_mark_pre_answered', '3570'],
  CHANNEL_ANSWER: ['switch_channel.c', 'switch_channel_perform_mark_answered', '3846'],
  CHANNEL_EXECUTE: ['switch_core_session.c', 'switch_core_session_exec', '2944'],
  CHANNEL_EXECUTE_COMPLETE: ['switch_core_session.c', 'switch_core_session_exec', '2967'],
  CHANNEL_BRIDGE: ['switch_ivr_bridge.c', 'switch_ivr_multi_threaded_bridge', '1689'],
  CHANNEL_UNBRIDGE: ['switch_ivr_bridge.c', 'switch_ivr_multi_threaded_bridge', '1879'],
  CHANNEL_PARK: ['switch_ivr.c', 'switch_ivr_park', '1002'],
  CHANNEL_HANGUP: ['switch_channel.c', 'switch_channel_perform_hangup', '3445'],
  CHANNEL_HANGUP_COMPLETE: ['switch_core_state_machine.c', 'switch_core_session_reporting_state', '943'],
  CHANNEL_DATA: ['mod_commands.c', 'uuid_dump_function', '6468'],
  PLAYBACK_START: ['switch_ivr_play_say.c', 'switch_ivr_play_file', '1646'],
  PLAYBACK_STOP: ['switch_ivr_play_say.c', 'switch_ivr_play_file', '2020'],
  MEDIA_BUG_START: ['switch_core_media_bug.c', 'switch_core_media_bug_add', '1014'],
  MEDIA_BUG_STOP: ['switch_core_media_bug.c', 'switch_core_media_bug_close', '1235'],
  DTMF: ['switch_channel.c', 'switch_channel_dequeue_dtmf', '677'],
  BACKGROUND_JOB: ['mod_event_socket.c', 'api_exec', '1572'],
  CUSTOM: ['mod_event_socket.c', 'parse_command', '2275'],
  HEARTBEAT: ['switch_core.c', 'send_heartbeat', '95'],
  SHUTDOWN: ['switch_core.c', 'switch_core_destroy', '3023'],
}
