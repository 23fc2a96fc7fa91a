// Every Prometheus instrument of the process, made in one place so that a dashboard's author can read them in one
// go. Counting happens on the main thread alone: worker threads post what they saw. Labels are small closed sets;
// values that come from outside pass the gate in `labelGate.ts` first.
import { Counter, Gauge, Histogram, Registry } from 'prom-client'
import { toSeconds } from './units.ts'

export type Metrics = ReturnType<typeof createMetrics>

const STARTED_AT_MS = performance.timeOrigin

/** From a fast app on a warm connection to the longest wait that settings allow. */
const WAKE_SECONDS_BUCKETS = [0.05, 0.1, 0.25, 0.5, 0.75, 1, 1.5, 2, 3, 4, 6, 8, 12, 20, 60, 120]
/** JOB_MAX_AGE is 60 s by default. */
const JOB_WAIT_SECONDS_BUCKETS = [0.005, 0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300]
/** RING_TIMEOUT is 60 s by default. */
const RING_SECONDS_BUCKETS = [0.5, 1, 2, 3, 5, 8, 12, 20, 30, 45, 60, 90]
/** A healthy switch answers within 2 ms; a command is given up after 5 s. */
const COMMAND_SECONDS_BUCKETS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5]
const PUSHES_BUCKETS = [1, 2, 3, 5, 8]
const PUSH_SECONDS_BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

/** Creates all instruments on a registry of their own, so that each test has a fresh one. */
export function createMetrics() {
  const registry = new Registry()
  const registers = [registry]
  const counter = <Label extends string>(name: string, help: string, labelNames: readonly Label[]) =>
    new Counter<Label>({ name, help, labelNames: [...labelNames], registers })
  const histogram = <Label extends string>(
    name: string,
    help: string,
    labelNames: readonly Label[],
    buckets: number[],
  ) => new Histogram<Label>({ name, help, labelNames: [...labelNames], buckets, registers })

  return {
    registry,

    info: new Gauge({
      name: 'hookswitch_info',
      help: 'Always 1; its labels say what runs',
      labelNames: ['version', 'role'],
      registers,
    }),
    ready: new Gauge({
      name: 'hookswitch_ready',
      help: '1 while the process is ready for work, as /readyz says',
      registers,
    }),
    startTime: new Gauge({
      name: 'process_start_time_seconds',
      help: 'When the process was started, seconds since the epoch',
      registers,
      collect() {
        this.set(toSeconds(STARTED_AT_MS))
      },
    }),
    residentMemory: new Gauge({
      name: 'process_resident_memory_bytes',
      help: 'Memory that the process holds',
      registers,
      collect() {
        this.set(process.memoryUsage.rss())
      },
    }),

    incomingCalls: counter('hookswitch_incoming_calls_total', 'Incoming-call requests answered, by outcome', [
      'status',
      'reason',
    ]),
    waitSeconds: histogram(
      'hookswitch_wait_seconds',
      'How long a PBX request was held',
      ['status'],
      WAKE_SECONDS_BUCKETS,
    ),
    waits: new Gauge({ name: 'hookswitch_waits', help: 'PBX requests held now', registers }),
    verdictStreams: new Gauge({
      name: 'hookswitch_verdict_streams',
      help: 'Phones that follow their call here',
      registers,
    }),
    waitsMax: new Gauge({
      name: 'hookswitch_waits_max',
      help: 'PBX requests that this process holds at most (WAITS_MAX); 0: it holds none',
      registers,
    }),
    appRoundTripSeconds: histogram(
      'hookswitch_app_round_trip_seconds',
      "From the first push to the app's confirmation",
      ['platform'],
      WAKE_SECONDS_BUCKETS,
    ),
    callResponses: counter('hookswitch_call_responses_total', "Apps' answers, by verdict", ['verdict']),
    pushPriorities: counter(
      'hookswitch_push_priorities_total',
      'Priorities with which apps say that their push arrived; all are sent with high',
      ['priority'],
    ),
    pushesPerAnswer: histogram(
      'hookswitch_pushes_per_answer',
      'Pushes that a phone had been sent when it confirmed',
      [],
      PUSHES_BUCKETS,
    ),
    pushes: counter('hookswitch_pushes_total', 'Pushes sent, by what became of them', [
      'platform',
      'outcome',
    ]),
    pushSeconds: histogram(
      'hookswitch_push_seconds',
      "From the push's sending to the vendor's answer",
      ['platform'],
      PUSH_SECONDS_BUCKETS,
    ),
    registrations: counter('hookswitch_registrations_total', 'Device registrations, by result', [
      'platform',
      'result',
    ]),
    registers: counter(
      'hookswitch_registers_total',
      'SIP registrations heard of, by who told and what became of their push parameters',
      ['source', 'result'],
    ),
    registerConfirmations: counter(
      'hookswitch_register_confirmations_total',
      'REGISTERs of phones that were pushed for a waiting wake, by verdict',
      ['source', 'verdict'],
    ),
    jobWakes: counter(
      'hookswitch_job_wakes_total',
      'Wakes that agents asked for because a job names an account, by what became of them',
      ['result'],
    ),
    contactsLeftOut: counter(
      'hookswitch_contacts_left_out_total',
      'Contacts of accounts that were not dialled: the switch might dial something else than a phone by them (unsafe), or eight newer ones were (older)',
      ['reason'],
    ),
    dialplanSockets: counter(
      'hookswitch_dialplan_sockets_total',
      "Channels that FreeSWITCH's dialplan brought by `socket`, by what became of them",
      ['end'],
    ),
    dialplanOpen: new Gauge({
      name: 'hookswitch_dialplan_sockets',
      help: "Sockets of FreeSWITCH's dialplan that are open now",
      registers,
    }),
    rateLimited: counter('hookswitch_rate_limited_total', 'Requests refused by the rate limit', ['route']),
    pbxRefused: counter(
      'hookswitch_pbx_refused_total',
      'Requests for the PBX routes that came neither with PBX_TOKEN nor from PBX_ALLOW',
      ['reason'],
    ),
    adminRefused: counter(
      'hookswitch_admin_refused_total',
      'Requests refused by the internal listener: wrong token, none, METRICS_TOKEN elsewhere, a strange web page, a proxy',
      ['reason'],
    ),
    waitWorkerCrashes: new Counter({
      name: 'hookswitch_wait_worker_crashes_total',
      help: 'Wait workers that had to be replaced',
      registers,
    }),
    timelineDropped: new Counter({
      name: 'hookswitch_timeline_entries_dropped_total',
      help: 'Timeline entries that Redis was away for, or too slow',
      registers,
    }),
    redisReady: new Gauge({
      name: 'hookswitch_redis_ready',
      help: '1 while Redis answers and its subscriptions deliver',
      registers,
    }),

    jobs: counter('hookswitch_jobs_total', 'Jobs dialled, by kind, and jobs refused', ['kind']),
    deadLetters: new Counter({
      name: 'hookswitch_dead_letters_total',
      help: 'Jobs put on a dead-letter list',
      registers,
    }),
    callEvents: counter('hookswitch_call_events_total', 'Messages published about calls', ['type']),
    controls: counter('hookswitch_control_messages_total', 'Control messages heard', ['type']),
    dials: counter(
      'hookswitch_dials_total',
      'Dialled jobs by what became of their first leg: answered, unanswered, failed (no channel), unknown',
      ['kind', 'result'],
    ),
    hangups: counter('hookswitch_hangups_total', 'Legs ended, by FreeSWITCH cause and its class', [
      'cause',
      'class',
    ]),
    jobWaitSeconds: histogram(
      'hookswitch_job_wait_seconds',
      "From a job's queued_at to its taking, as two machines' clocks tell it",
      ['kind'],
      JOB_WAIT_SECONDS_BUCKETS,
    ),
    ringSeconds: histogram(
      'hookswitch_ring_seconds',
      "From a leg's channel to its answer; a is who starts the call, b who is called",
      ['leg'],
      RING_SECONDS_BUCKETS,
    ),
    commandSeconds: histogram(
      'hookswitch_switch_command_seconds',
      "From a command to the switch's reply",
      ['command', 'outcome'],
      COMMAND_SECONDS_BUCKETS,
    ),
    commandTimeouts: new Counter({
      name: 'hookswitch_switch_command_timeouts_total',
      help: 'Commands that the switch left without a reply',
      registers,
    }),
    queueDepth: new Gauge({
      name: 'hookswitch_queue_depth',
      help: 'Jobs that wait, by list; every process tells the same, none while Redis is away',
      labelNames: ['list'],
      registers,
    }),
    deadLetterDepth: new Gauge({
      name: 'hookswitch_dead_letter_depth',
      help: 'Jobs on the dead-letter lists, by list',
      labelNames: ['list'],
      registers,
    }),
    jobsInFlight: new Gauge({
      name: 'hookswitch_jobs_in_flight',
      help: 'Jobs taken and not yet dialled, by list, of all agents',
      labelNames: ['list'],
      registers,
    }),
    jobListRefused: new Gauge({
      name: 'hookswitch_job_list_refused',
      help: '1 while Redis refuses to give jobs of this list until somebody mends that: no list, no right, no BLMOVE',
      labelNames: ['list'],
      registers,
    }),
    lostByBug: new Counter({
      name: 'hookswitch_lost_by_bug_total',
      help: 'Jobs, messages, takeovers and tasks of agents in whose way something threw: each is an error in the log',
      labelNames: ['what'],
      registers,
    }),
    takeovers: new Counter({
      name: 'hookswitch_takeovers_total',
      help: 'Calls taken over from agents that died',
      registers,
    }),
    calls: new Gauge({
      name: 'hookswitch_calls',
      help: 'Calls that the agents of this process own',
      registers,
    }),
    switchRefuses: new Gauge({
      name: 'hookswitch_switch_refuses',
      help: '1 while this switch refuses what it is asked (paused, its gateway gone) and gets one job at a time',
      labelNames: ['switch'],
      registers,
    }),
    switchReady: new Gauge({
      name: 'hookswitch_switch_ready',
      help: '1 while an agent is connected to its switch',
      labelNames: ['switch'],
      registers,
    }),
    agentCrashes: new Counter({
      name: 'hookswitch_agent_crashes_total',
      help: 'Agents that had to be replaced',
      registers,
    }),

    // vialer-middleware's own names and labels, so that its dashboards and alerts go on as they are.
    legacy: {
      incomingCallSuccess: counter(
        'vialer_middleware_incoming_call_success_total',
        'The amount of times an incoming call was presented at the middleware',
        ['action', 'os'],
      ),
      incomingCallFailed: counter(
        'vialer_middleware_incoming_call_failed_total',
        'Incoming calls presented that could not be handled',
        ['action', 'failed_reason', 'os'],
      ),
      pushSuccess: counter(
        'vialer_middleware_push_notification_success_total',
        'Push notifications that the app answered',
        ['direction', 'os'],
      ),
      pushFailed: counter(
        'vialer_middleware_push_notification_failed_total',
        'Calls failed because the device did not answer its push',
        ['direction', 'os', 'failed_reason'],
      ),
      callSuccess: counter('vialer_call_success_total', 'Successful calls made by the app', [
        'app_version',
        'codec',
        'connection_type',
        'direction',
        'mos',
        'network',
        'network_operator',
        'os',
        'os_version',
      ]),
      callFailure: counter('vialer_call_failure_total', 'Calls of the app that failed in setup', [
        'app_version',
        'connection_type',
        'direction',
        'failed_reason',
        'network',
        'network_operator',
        'os',
        'os_version',
      ]),
      hangupReason: counter('vialer_hangup_reason_total', 'Why calls of the app ended', [
        'app_version',
        'connection_type',
        'direction',
        'hangup_reason',
        'network',
        'network_operator',
        'os',
        'os_version',
      ]),
      redisHealth: new Gauge({ name: 'redis_health', help: 'See if Redis is still reachable.', registers }),
    },
  }
}
