// The phones of a world, with Apple and Google before them: what they say to a push, when a phone wakes of it, and what it
// answers. A phone reaches whichever front it finds, and tries another where that one does not answer.
import type { PushOutcome, PushPayload, PushSender, PushTarget } from '../../../src/push/push.ts'
import type { Credential } from '../../../src/redis/wakes/wakes.ts'
import type { ConfirmationClaims } from '../../../src/wake/devicePush.ts'
import { APP, type FrontLife, PROJECT } from './frontPlace.ts'
import { moodOf, type PhoneMood, type PlannedPhone } from './wakePlan.ts'
import { frontsUp, type World } from './world.ts'

/** A push as it left a front. */
export interface SentPush {
  atMs: number
  front: string
  account: string
  callId: string
  /** Which wake of the call id: its tokens' name. */
  wake: number
  device: string
  attempt: number
  uniqueKey: string
  outcome: PushOutcome['kind'] | undefined
}

/** What an app posted, each time that a front took it. */
export interface AppAnswer {
  account: string
  callId: string
  wake: number
  device: string
  uniqueKey: string
  isAvailable: boolean
  sentAtMs: number
  front: string
  /** Undefined: no word of it came back. */
  verdict: string | undefined
  heardAtMs: number | undefined
}

/** A verdict stream that a phone held. */
export interface Followed {
  account: string
  callId: string
  wake: number
  device: string
  /** In order; the last is how it ended, unless the line broke. */
  standings: string[]
}

export interface Phones {
  pushes: SentPush[]
  answers: AppAnswer[]
  followed: Followed[]
  /** What a front's sender does. */
  senderOf: (front: string) => PushSender
}

/** On the way to a phone or from it. */
const LATENCY_MIN_MS = 5
const LATENCY_MAX_MS = 80

/** An app tries again where it got no answer. */
const RETRIES_MAX = 4
const RETRY_MS = 300

const REGISTERED_AT_MS = 1_200
const HANGS_MS = 20_000
const FOLLOWS_MS = 9_000

interface Push {
  phone: PlannedPhone
  mood: PhoneMood
  payload: PushPayload
  claims: ConfirmationClaims
}

const tokenOf = ({ id }: PlannedPhone): string => `token-of-${id}`

export function startPhones(world: World): Phones {
  const { machine, plan, history } = world
  const { schedule } = machine
  const process = machine.spawn('phones')
  const { random } = process
  const phones = new Map(
    plan.wakes.accounts.flatMap(({ phones: all }) => all.map(phone => [tokenOf(phone), phone])),
  )
  const [pushes, answers, followed]: [SentPush[], AppAnswer[], Followed[]] = [[], [], []]
  /** By unique key: those that have heard of it. */
  const awake = new Set<string>()

  const latencyMs = () => random.between(LATENCY_MIN_MS, LATENCY_MAX_MS)
  const note = (what: string, fields: Record<string, unknown>) =>
    history.add('phones', { kind: 'wake', what, fields })

  // Devices.

  for (const { account, phones: all } of plan.wakes.accounts)
    for (const phone of all)
      schedule.after(REGISTERED_AT_MS, process, () =>
        phone.isSip ? registerAtSwitches(account, phone) : register(account, phone),
      )

  function register(account: string, phone: PlannedPhone): void {
    const { id, platform, isOnce } = phone
    const again = () => schedule.after(RETRY_MS, process, () => register(account, phone))
    reach(({ rooms }) =>
      rooms!.registration.register(account, {
        deviceId: id,
        platform,
        app: APP,
        token: tokenOf(phone),
        isSandbox: false,
        ...(isOnce ? { pushProfile: 'once' as const } : {}),
      }),
    ).then(() => note('registered', { account, id }), again)
  }

  function registerAtSwitches(account: string, phone: PlannedPhone): void {
    const asksForPushes = phone.isSip ? `;pn-provider=fcm;pn-param=${PROJECT};pn-prid=${tokenOf(phone)}` : ''
    const uri = `sip:${account}@10.0.0.${phone.id.at(-1)}:5060${asksForPushes}`
    for (const place of world.switches) place.do(testSwitch => testSwitch.register({ user: account, uri }))
  }

  // Pushes.

  function heard({ phone, mood, payload, claims }: Push): void {
    const uniqueKey = String(payload.unique_key)
    if (payload.type !== 'call' || awake.has(uniqueKey)) return
    awake.add(uniqueKey)
    if (mood.isFollowing) follow(claims, uniqueKey)
    if (mood.answersAfterMs === undefined) return
    for (const afterMs of [0, ...mood.againAfterMs])
      schedule.after(mood.answersAfterMs + afterMs, process, () => {
        // Its REGISTER is its answer, and where it is rung.
        if (phone.isSip || mood.isAvailable) registerAtSwitches(claims.account, phone)
        if (!phone.isSip) answer({ phone, mood, payload, claims }, RETRIES_MAX)
      })
  }

  function answer(push: Push, triesLeft: number): void {
    const { mood, payload, claims } = push
    const { account, callId, deviceId: device, wake = 0 } = claims
    const uniqueKey = String(payload.unique_key)
    const sentAtMs = schedule.nowMs
    const isAvailable = mood.isAvailable
    const credential: Credential =
      mood.by === 'token'
        ? { by: 'token', wake: { account, callId }, device, name: wake, uniqueKey }
        : { by: 'key', uniqueKey }
    const answered: AppAnswer = {
      ...{ account, callId, wake, device, uniqueKey, isAvailable, sentAtMs },
      ...{ front: '', verdict: undefined, heardAtMs: undefined },
    }
    answers.push(answered)
    reach(life => {
      answered.front = life.name
      return life.rooms!.news.answered(credential, { isAvailable })
    }).then(
      ({ verdict }) => {
        Object.assign(answered, { verdict, heardAtMs: schedule.nowMs })
        note('answered', { callId, device, isAvailable, verdict })
      },
      () => {
        note('got no answer', { callId, device })
        if (triesLeft > 0) schedule.after(RETRY_MS, process, () => answer(push, triesLeft - 1))
      },
    )
  }

  function follow(
    { account, callId, deviceId: device, wake = 0 }: ConfirmationClaims,
    uniqueKey: string,
  ): void {
    const stream: Followed = { account, callId, wake, device, standings: [] }
    const endsAtMs = schedule.nowMs + FOLLOWS_MS
    followed.push(stream)
    open()

    function open(): void {
      reach(async life => {
        const following = await life.rooms!.verdicts.follow({ by: 'key', uniqueKey })
        if (following.kind !== 'following') return
        const { follower, isLast } = following
        const hear = (standing: string, isEnd: boolean) =>
          schedule.after(latencyMs(), process, () => {
            stream.standings.push(standing)
            note('is told', { callId, device, standing })
            // What a draining front ends is opened anew.
            if (isEnd && (standing === 'ringing' || standing === 'proceed')) again()
          })
        hear(follower.standing, isLast)
        if (isLast) return
        follower.onChange = hear
        setTimeout(() => follower.stop(), Math.max(0, endsAtMs - schedule.nowMs))
        life.process.onDeath.add(() => schedule.after(latencyMs(), process, again))
      }).catch(again)
    }

    function again(): void {
      if (schedule.nowMs + RETRY_MS < endsAtMs) schedule.after(RETRY_MS, process, open)
    }
  }

  /** Asks one of the fronts that stand. @throws what it threw, or that there is none, or that it died. */
  function reach<Reply>(ask: (life: FrontLife) => Promise<Reply>): Promise<Reply> {
    const { promise, resolve, reject } = Promise.withResolvers<Reply>()
    const lives = frontsUp(world)
    const life = lives.length > 0 ? random.pick(lives) : undefined
    const back = (act: () => void) => schedule.after(latencyMs(), process, act)
    if (!life) back(() => reject(new Error('no front')))
    else {
      const die = () => back(() => reject(new Error('the front died')))
      life.process.onDeath.add(die)
      schedule.after(latencyMs(), life.process, () => {
        if (!life.rooms) return die()
        ask(life)
          .then(
            reply => back(() => resolve(reply)),
            thrown => back(() => reject(thrown)),
          )
          .finally(() => life.process.onDeath.delete(die))
      })
    }
    return promise
  }

  function send(
    front: string,
    target: PushTarget,
    payload: PushPayload,
    signal: AbortSignal,
  ): Promise<PushOutcome> {
    const phone = phones.get(target.token)
    if (!phone || payload.type !== 'call') return Promise.resolve({ kind: 'accepted', id: 'told' })
    const claims = JSON.parse(String(payload.token)) as ConfirmationClaims
    const mood = moodOf(plan.seed, claims.callId, phone.id)
    const { account, callId, deviceId: device, wake = 0 } = claims
    const sent: SentPush = {
      ...{ atMs: schedule.nowMs, front, account, callId, wake, device },
      ...{ attempt: Number(payload.attempt), uniqueKey: String(payload.unique_key), outcome: undefined },
    }
    pushes.push(sent)
    note('push', { front, callId, device, attempt: payload.attempt, vendor: mood.vendor })
    if (mood.vendor === 'accepts' || mood.vendor === 'slow')
      schedule.after(latencyMs(), process, () => heard({ phone, mood, payload, claims }))
    return new Promise(resolve => {
      const say = (outcome: PushOutcome) => {
        sent.outcome ??= outcome.kind
        resolve(outcome)
      }
      const takesMs = { accepts: 0, slow: 1_500, later: 0, gone: 0, refuses: 0, hangs: HANGS_MS }[mood.vendor]
      setTimeout(() => say(outcomeOf(mood, schedule.nowMs)), latencyMs() + takesMs)
      signal.addEventListener('abort', () => say({ kind: 'retry-later', afterMs: 0, reason: 'given up' }))
    })
  }

  return {
    pushes,
    answers,
    followed,
    senderOf: front => ({
      send: (target, payload, signal) => send(front, target, payload, signal),
      close: async () => undefined,
    }),
  }
}

function outcomeOf({ vendor }: PhoneMood, nowMs: number): PushOutcome {
  switch (vendor) {
    case 'accepts':
    case 'slow':
      return { kind: 'accepted', id: String(nowMs) }
    case 'gone':
      return { kind: 'token-gone', sinceMs: Date.now() }
    case 'refuses':
      return { kind: 'refused', reason: 'BadDeviceToken' }
    case 'later':
    case 'hangs':
      return { kind: 'retry-later', afterMs: 100, reason: 'busy' }
  }
}
