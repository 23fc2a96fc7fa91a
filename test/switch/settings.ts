// What a test may choose about the test switch: its constants at the start, and its misbehaviour at any time.
// Everything here is plain data, so that another process can set it over the control port. Nothing acts here.

import type { Clock } from '../../src/base/units.ts'
import { MS_PER_SECOND } from '../../src/base/units.ts'
import type { Injection } from './injections.ts'
import type { RecordEntry } from './records.ts'

/** A gateway's health: `unreachable` is what a dead one is until its pings have failed. */
export type GatewayState = 'up' | 'down' | 'unreachable'

export interface TestSwitchOptions {
  /** 0, the default, takes a free port. */
  port?: number
  password?: string
  hostname?: string
  /** Events of the real size (4-13 KB, every header as recorded) instead of the essential headers alone. */
  bulky?: boolean
  /** How long the switch's second lasts. Everything that FreeSWITCH counts in seconds shrinks with it. */
  msPerSecond?: number
  /** The pause between two threads' steps; the real one takes up to 20 ms. */
  tickMs?: number
  /** A side of a bridge looks for what it shall play when it has read ten packets, 200 ms, and then not while its partner plays:
   *  what is played to both before that is heard by one (switch_ivr_bridge.c; measured). 0, the default: both hear it, as the recordings
   *  have it, which are replayed faster than they were made. */
  firstLookMs?: number
  /** How long a phone rings that was told nothing else. */
  answerAfterMs?: number
  heartbeatSeconds?: number
  gateways?: Record<string, GatewayState>
  /** SIP profiles that run. */
  profiles?: readonly string[]
  /** Its switch.conf has `multiple-registrations`: `show registrations` lists all phones of an account. */
  listsAllPhones?: boolean
  /** Modules that are loaded. Without `mod_commands` it knows no command at all. */
  modules?: readonly string[]
  /** What its event_socket.conf says; it listens on 127.0.0.1 all the same. */
  eventSocket?: { listenIp: string; acl: readonly string[] }
  /** As `status` tells them; `maxRate` and `maxChannels` are what is enforced. */
  sessionsPerSecondMax?: number
  sessionsMax?: number
  /** Sound files that exist, with their length in the switch's seconds. */
  files?: Record<string, number>
  /** Its dialplan: the applications of each extension in their order, as `set a=b`. */
  extensions?: Record<string, readonly string[]>
  /** Names that an originate may set; any other is an injection. Without it only the dangerous ones are. */
  allowedVariables?: (name: string) => boolean
  clock?: Clock
  random?: () => number
  newUuid?: () => string
  onInjection?: (injection: Injection) => void
  onRecord?: (entry: RecordEntry) => void
}

/** What can be switched on while calls run. Every value has an off position, the default. */
export interface Misbehaviour {
  /** Reads nothing and says nothing, like a stopped process; false again lets everything through. */
  silent: boolean
  /** Commands act at once, replies come later, so events stand between the two. */
  replyDelayMs: number
  /** `show` takes this long and blocks its socket meanwhile. */
  showChannelsDelayMs: number
  /** `show` tells what was this long ago. */
  showLagMs: number
  refusePassword: boolean
  /** Probability that a ringing phone's CHANNEL_PROGRESS is missing. */
  skipProgress: number
  /** Channels created within one second (of the switch); more are refused. 0 = no limit. */
  maxRate: number
  /** `fsctl pause`: every originate is refused, without a channel. */
  isPaused: boolean
  /** Channels at once; more are refused. 0 = no limit. */
  maxChannels: number
  jobDelayMs: number
  /** A job's result before the events that led to it. */
  jobsFirst: boolean
  /** BACKGROUND_JOB never comes. */
  loseJobs: boolean
  /** Nobody is told that a leg ends. */
  loseHangups: boolean
  /** An originate is taken and then nothing happens at all. */
  loseOriginates: boolean
  /** Orders that the recordings show in several ways are chosen by chance. */
  shuffleRaces: boolean
  /** When the second leg of a bridge is reported, after the first one has hung up: before UNBRIDGE, after it, or after
   *  the first leg. `usual` is what was recorded most often for that way to end. */
  secondLegCompletes: 'usual' | SecondLegTurn
}

export type SecondLegTurn = 'first' | 'between' | 'last'

export const WELL_BEHAVED: Readonly<Misbehaviour> = {
  silent: false,
  replyDelayMs: 0,
  showChannelsDelayMs: 0,
  showLagMs: 0,
  refusePassword: false,
  skipProgress: 0,
  maxRate: 0,
  isPaused: false,
  maxChannels: 0,
  jobDelayMs: 0,
  jobsFirst: false,
  loseJobs: false,
  loseOriginates: false,
  loseHangups: false,
  shuffleRaces: false,
  secondLegCompletes: 'usual',
}

export interface Settings extends Required<Omit<TestSwitchOptions, 'allowedVariables' | 'onRecord'>> {
  allowedVariables: ((name: string) => boolean) | undefined
  onRecord: ((entry: RecordEntry) => void) | undefined
}

/** Fills in the defaults. The sound files are those of the recordings. */
export function settingsOf(options: TestSwitchOptions): Settings {
  return {
    port: options.port ?? 0,
    password: options.password ?? 'ClueCon',
    hostname: options.hostname ?? 'freeswitch-1',
    bulky: options.bulky ?? false,
    msPerSecond: options.msPerSecond ?? MS_PER_SECOND,
    tickMs: options.tickMs ?? 1,
    firstLookMs: options.firstLookMs ?? 0,
    answerAfterMs: options.answerAfterMs ?? 10,
    heartbeatSeconds: options.heartbeatSeconds ?? 20,
    gateways: options.gateways ?? { talk_call_provider: 'up' },
    profiles: options.profiles ?? ['external'],
    listsAllPhones: options.listsAllPhones ?? false,
    modules: options.modules ?? [
      'mod_commands',
      'mod_dptools',
      'mod_event_socket',
      'mod_local_stream',
      'mod_sndfile',
      'mod_sofia',
      'mod_tone_stream',
    ],
    eventSocket: options.eventSocket ?? { listenIp: '127.0.0.1', acl: ['loopback.auto'] },
    sessionsPerSecondMax: options.sessionsPerSecondMax ?? 1_000,
    sessionsMax: options.sessionsMax ?? 5_000,
    files: options.files ?? {
      '/usr/share/freeswitch/sounds/test/announce-3s.wav': 3,
      '/usr/share/freeswitch/sounds/test/beep.wav': 0.5,
    },
    extensions: options.extensions ?? {},
    allowedVariables: options.allowedVariables,
    clock: options.clock ?? Date.now,
    random: options.random ?? Math.random,
    newUuid: options.newUuid ?? (() => crypto.randomUUID()),
    onInjection:
      options.onInjection ??
      (injection => console.error('test switch: INJECTION', JSON.stringify(injection))),
    onRecord: options.onRecord,
  }
}
