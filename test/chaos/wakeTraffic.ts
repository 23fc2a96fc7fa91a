// The PBXs and the apps of a run. A PBX asks at one front; the app finds the push in that front's log, and answers at
// another: it confirms, refuses, or keeps silent; or the PBX drops its request. An app that gets no verdict asks
// again, as apps do. Everything is written down with its time.
import { postForm, registerPhone } from '../harness/client.ts'
import { type HeldAnswer, holdCall } from '../harness/pbx.ts'
import { metronome } from './callTraffic.ts'
import type { ChaosPlan } from './plan.ts'
import type { Crew, LogLine, Member } from './processes.ts'
import { seededRandom } from './random.ts'

/** What the people at the other end do. `twice`: two phones of the account confirm. */
type Habit = 'confirms' | 'twice' | 'refuses' | 'silent' | 'dropped'

export interface AppAnswer {
  device: string
  isAvailable: boolean
  atMs: number
  /** The front that it reached, and what that said; undefined: no verdict. */
  at: string
  verdict?: string
  verdictAtMs?: number
}

export interface Wake {
  callId: string
  account: string
  habit: Habit
  /** The process that holds the request. */
  holder: string
  askedAtMs: number
  answer?: HeldAnswer
  /** The connection ended without an answer, or with another one. */
  broken?: string
  endedAtMs?: number
  droppedAtMs?: number
  answers: AppAnswer[]
}

export interface WakeTraffic {
  readonly wakes: Wake[]
  /** Registers the accounts' phones; before anything goes wrong. */
  register(): Promise<void>
  start(): void
  onLine(line: LogLine, member: Member): void
  /** No new request; resolves when the running ones have ended. */
  stop(): Promise<void>
}

const HABIT_WEIGHTS = [
  ['confirms', 50],
  ['twice', 12],
  ['refuses', 10],
  ['silent', 14],
  ['dropped', 14],
] as const

const ACCOUNTS = 30
const TICK_MS = 60
const ASK_TIMEOUT_MS = 4_000
const TRIES_MAX = 3
const TRY_AGAIN_MS = 300

export function createWakeTraffic(plan: ChaosPlan, crew: () => Crew): WakeTraffic {
  const random = seededRandom(plan.seed, 'wakes')
  const wakes: Wake[] = []
  const byCallId = new Map<string, Wake>()
  const running = new Set<Promise<void>>()
  /** Phones whose owner has seen a push: resends change nothing. */
  const awake = new Set<string>()
  let timer: Timer | undefined

  const fronts = () =>
    crew()
      .of('front')
      .filter(({ member }) => member.publicUrl !== '')
  /** Accounts with an even number have two phones. */
  const accountOf = (index: number) => `account-${index}`

  function ask(): void {
    const [account, habit, first] = [random.whole(1, ACCOUNTS), random.weighted(HABIT_WEIGHTS), random.next()]
    const dropAfterMs = random.between(100, 2_000)
    const all = fronts()
    const slot = all[Math.floor(first * all.length)]
    if (!slot) return
    const wake: Wake = {
      callId: `wake-${plan.seed}-${wakes.length + 1}`,
      account: accountOf(habit === 'twice' ? 2 * Math.ceil(account / 2) : account),
      habit,
      holder: slot.member.name,
      askedAtMs: Date.now(),
      answers: [],
    }
    wakes.push(wake)
    byCallId.set(wake.callId, wake)
    const held = hold(wake, slot.member.publicUrl, dropAfterMs).finally(() => running.delete(held))
    running.add(held)
  }

  async function hold(wake: Wake, url: string, dropAfterMs: number): Promise<void> {
    try {
      const call = await holdCall(url, wake.account, wake.callId)
      const dropper =
        wake.habit === 'dropped' &&
        setTimeout(() => {
          wake.droppedAtMs = Date.now()
          call.hangUp()
        }, dropAfterMs)
      const answer = await call.answered
      if (dropper) clearTimeout(dropper)
      if (answer) wake.answer = answer
    } catch (thrown) {
      wake.broken = String(thrown)
    }
    wake.endedAtMs = Date.now()
  }

  /** The push is there: what the phone's owner does now. */
  async function react(wake: Wake, device: string, url: string): Promise<void> {
    const isAvailable = wake.habit !== 'refuses'
    await Bun.sleep(random.between(20, 1_500))
    for (let attempt = 1; attempt <= TRIES_MAX; attempt++) {
      const others = fronts().filter(({ member }) => member.name !== wake.holder)
      const { member } = random.pick(others.length > 0 ? others : fronts())
      const answer: AppAnswer = { device, isAvailable, atMs: Date.now(), at: member.name }
      wake.answers.push(answer)
      try {
        const response = await postForm(
          url.replace(/^https?:\/\/[^/]+/, member.publicUrl),
          { unique_key: wake.callId, message_start_time: '0', available: String(isAvailable) },
          { signal: AbortSignal.timeout(ASK_TIMEOUT_MS), keepalive: false },
        )
        const { verdict } = (await response.json()) as { verdict?: string }
        answer.verdictAtMs = Date.now()
        answer.verdict = verdict ?? `status ${response.status}`
        if (verdict) return
      } catch (thrown) {
        answer.verdict = `none: ${String(thrown)}`
      }
      await Bun.sleep(TRY_AGAIN_MS)
    }
  }

  return {
    wakes,

    async register() {
      const { publicUrl } = fronts()[0]!.member
      for (let index = 1; index <= ACCOUNTS; index++) {
        const devices = index % 2 === 0 ? ['a', 'b'] : ['a']
        for (const device of devices) {
          const fields = {
            sip_user_id: accountOf(index),
            device_id: device,
            token: `push-${index}-${device}`,
          }
          // As phones do, which try again where Redis is too slow on a busy machine.
          let status = await registerPhone(publicUrl, fields)
          for (; status === 503; status = await registerPhone(publicUrl, fields))
            await Bun.sleep(TRY_AGAIN_MS)
          // The answer that was a 503 may have come after the deed.
          if (status !== 201 && status !== 200) throw new Error(`a phone could not be registered: ${status}`)
        }
      }
    },

    start() {
      const due = metronome(plan.wakesPerSecond)
      timer = setInterval(() => {
        for (let left = due(); left > 0; left--) ask()
      }, TICK_MS)
    },

    onLine({ line }) {
      const { call_id: callId, response_api: url, msg } = line as Record<string, string | undefined>
      if (!msg?.includes("push 'call'") || !callId || !url) return
      const wake = byCallId.get(callId)
      if (!wake || wake.habit === 'silent' || wake.habit === 'dropped') return
      const device = deviceOf(url)
      // Of several phones one confirms; all of them refuse.
      const phone = wake.habit === 'confirms' ? callId : `${callId} ${device}`
      if (awake.has(phone)) return
      awake.add(phone)
      const reacting = react(wake, device, url).finally(() => running.delete(reacting))
      running.add(reacting)
    },

    async stop() {
      clearInterval(timer)
      while (running.size > 0) await Promise.all(running)
    },
  }
}

/** Which phone a push went to: it stands in its token. */
export function deviceOf(url: string): string {
  const payload = url.split('token=')[1]!.split('.')[1]!
  return (JSON.parse(Buffer.from(payload, 'base64url').toString()) as { device_id: string }).device_id
}
