// The backend of a run: pushes jobs at a steady rate, and speaks on the channels of the calls that live. It never
// sends anything twice, and writes down what it sent and what Redis said to that. What comes back is the ear's.
import { Redis } from 'ioredis'
import { SOUND } from '../switch/people.ts'
import type { Message } from './ear.ts'
import type { ChaosPlan } from './plan.ts'
import { type Random, seededRandom } from './random.ts'
import { DIAL_PREFIX } from './scene.ts'

export interface PushedJob {
  dialId: string
  atMs: number
  job: Record<string, string | number>
  /** `unknown`: Redis went away before it answered; perhaps the job is there, perhaps not. */
  isTaken: boolean | 'unknown'
}

export interface SentControl {
  commandId: string
  dialId: string
  atMs: number
  message: Record<string, string>
  /** Who got it besides the ear, and who owned the call then; undefined: Redis never said. */
  told: { listeners: number; owner: string | null } | undefined
}

export interface CallTraffic {
  readonly jobs: PushedJob[]
  readonly controls: SentControl[]
  /** Pushes a job besides those that are drawn here. */
  push(job: PushedJob['job'] & { dial_id: string }): void
  /** What the ear hears: calls that begin get controls, those that end soon none any more. */
  hear(channel: string, message: Message): void
  /** No job and no control any more. */
  stop(): void
}

/** What is said to a call, and how often. */
const CONTROL_WEIGHTS = [
  ['barge', 10],
  ['whisper', 12],
  ['threeway', 8],
  ['mute', 10],
  ['play', 12],
  ['play-now', 4],
  ['stop-playback', 22],
  ['start-background', 4],
  ['stop-background', 4],
  ['hangup', 6],
] as const

const TICK_MS = 50

/** Messages said so far, by all traffics of a run: what is numbered by it is numbered once. */
let spoken = 0

/** A backend that has just seen the end may still have something to say: that many of a hundred calls get it. */
const AFTERTHOUGHT_CHANCE = 0.3

export function startCallTraffic(plan: ChaosPlan, port: number): CallTraffic {
  const jobs: PushedJob[] = []
  const controls: SentControl[] = []
  const living = new Set<string>()
  const jobRandom = seededRandom(plan.seed, 'jobs')
  const controlRandom = seededRandom(plan.seed, 'controls')
  // Nothing is sent again by itself: a job that stands twice in its list is two jobs.
  const redis = new Redis({
    port,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    retryStrategy: () => 50,
  })
  redis.on('error', () => undefined)

  let drawn = 0
  const draw = () => drawJob(jobRandom, `${DIAL_PREFIX}${plan.seed}-${++drawn}`)

  function push(job: PushedJob['job'] & { dial_id: string }): void {
    const pushed: PushedJob = { dialId: job.dial_id, atMs: Date.now(), job, isTaken: 'unknown' }
    const isConnected = redis.status === 'ready'
    jobs.push(pushed)
    const list = pushed.job.type === 'bot-call' ? 'talkiq-bot.calls' : 'talkiq-asp.calls'
    redis.rpush(list, JSON.stringify(pushed.job)).then(
      () => {
        pushed.isTaken = true
      },
      () => {
        // Refused on the spot, it never left.
        if (!isConnected) pushed.isTaken = false
      },
    )
  }

  function speak(dialId: string, message: Record<string, string>): void {
    if (redis.status !== 'ready') return
    const commandId = `c${++spoken}`
    const sent: SentControl = { commandId, dialId, atMs: Date.now(), message, told: undefined }
    controls.push(sent)
    redis
      .multi()
      .publish(dialId, JSON.stringify({ ...message, command_id: commandId }))
      .hget(`hookswitch:call:{${dialId}}`, 'owner')
      .exec()
      .then(replies => {
        const [listeners, owner] = (replies ?? []).map(([, reply]) => reply)
        sent.told = { listeners: Number(listeners) - 1, owner: owner as string | null }
      })
      .catch(() => undefined)
  }

  let isStopped = false
  const jobDue = metronome(plan.jobsPerSecond)
  const controlDue = metronome(plan.controlsPerSecond)
  const timer = setInterval(() => {
    for (let due = jobDue(); due > 0; due--) push(draw())
    for (let due = controlDue(); due > 0; due--) {
      if (living.size === 0) continue
      const dialId = controlRandom.pick([...living])
      speak(dialId, drawControl(controlRandom, spoken))
    }
  }, TICK_MS)

  return {
    jobs,
    controls,
    push,
    hear(channel, message) {
      if (message.type === 'call-start') living.add(channel)
      if (message.type !== 'hangup-event' || message.side !== '0') return
      living.delete(channel)
      if (isStopped) return
      // The moment at which a call ends is the one at which a message is easily lost.
      if (controlRandom.chance(AFTERTHOUGHT_CHANCE)) speak(channel, { type: 'stop-playback' })
    },
    stop() {
      clearInterval(timer)
      isStopped = true
      // What is under way gets its replies.
      setTimeout(() => redis.disconnect(), 5_000).unref()
    },
  }
}

/** How many are due since it was asked last. */
export function metronome(perSecond: number): () => number {
  const beganAtMs = Date.now()
  let done = 0
  return () => {
    const due = Math.floor(((Date.now() - beganAtMs) / 1_000) * perSecond) - done
    done += due
    return due
  }
}

/** Who is called answers as a rule. */
export const CALLER_WEIGHTS = [
  ['101', 10],
  ['102', 20],
  ['103', 25],
  ['104', 15],
  ['105', 5],
  ['486', 8],
  ['603', 4],
  ['480', 5],
] as const
const CALLEE_WEIGHTS = [...CALLER_WEIGHTS, ['104', 20] as const] as const

let numbers = 0
/** A number that nobody else has; its end says what the phone does. */
export const drawNumber = (random: Random, weights: readonly (readonly [string, number])[]): string =>
  `1555${String(++numbers).padStart(5, '0')}${random.weighted(weights)}`

function drawJob(random: Random, dialId: string): PushedJob['job'] & { dial_id: string } {
  const ids = { dial_id: dialId, org_id: 'org', user_id: `user-${random.whole(1, 50)}` }
  const age: Record<string, number> = random.chance(0.5) ? { queued_at: Date.now() / 1_000 } : {}
  if (random.chance(0.15))
    return {
      type: 'bot-call',
      ...ids,
      ...age,
      phone_number: drawNumber(random, CALLER_WEIGHTS),
      caller_id: '15550000009',
    }
  return {
    type: 'asp-call',
    ...ids,
    ...age,
    call_provider: 'acme',
    caller_number: drawNumber(random, CALLER_WEIGHTS),
    callee_number: drawNumber(random, CALLEE_WEIGHTS),
    caller_id_lega: '15550000002',
    caller_id_legb: '15550000001',
  }
}

function drawControl(random: Random, serial: number): Record<string, string> {
  const type = random.weighted(CONTROL_WEIGHTS)
  switch (type) {
    case 'barge': {
      const phone = random.weighted(CALLER_WEIGHTS)
      return {
        type,
        phone_number: `1777${String(serial).padStart(5, '0')}${phone}`,
        caller_id: '15550000008',
      }
    }
    case 'play':
    case 'play-now':
    case 'start-background':
    case 'stop-background':
      return { type, path: random.chance(0.9) ? SOUND : '/no/such.wav' }
    default:
      return { type }
  }
}
