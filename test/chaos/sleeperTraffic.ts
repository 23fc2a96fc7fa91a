// Phones that sleep until they are pushed, and those who want them: jobs that name their account, and callers whose dialplan
// has come to its socket. Each phone is registered at both switches (RFC 8599); it finds its push in a front's log, and
// answers by registering again, if it is one that wakes. Everything is written down with its time.
import { type DialplanChannel, openChannel } from '../dialplan/channel.ts'
import { CALLER_WEIGHTS, type CallTraffic, drawNumber, metronome, type PushedJob } from './callTraffic.ts'
import type { ChaosPlan } from './plan.ts'
import type { LogLine, Member } from './processes.ts'
import { seededRandom } from './random.ts'
import { DIAL_PREFIX, type Scene } from './scene.ts'
import { deviceOf } from './wakeTraffic.ts'

/** One push as its front's log has it. */
export interface SleeperPush {
  callId: string
  device: string
  attempt: number
  front: string
  atMs: number
}

/** A channel at the socket of a front. */
export interface SocketCaller {
  callId: string
  account: string
  front: string
  askedAtMs: number
  /** The front took the connection, so it owes an answer. */
  isTaken: boolean
  /** `hookswitch_status` when the dialplan went on, and how it did. */
  status?: string
  wentOn?: 'let go' | 'left alone'
  endedAtMs?: number
  hungUpAtMs?: number
}

export interface SleeperTraffic {
  readonly callers: SocketCaller[]
  readonly pushes: SleeperPush[]
  readonly registers: { account: string; atMs: number }[]
  /** Whether that account's phone wakes when it is pushed. */
  isAwakened(account: string): boolean
  /** Registers the phones; before anything goes wrong. */
  register(): Promise<void>
  start(calls: CallTraffic): void
  onLine(line: LogLine, member: Member): void
  /** No new caller; resolves when the running ones have gone on. */
  stop(): Promise<void>
}

/** What the phone of an account does: the end of its contact's user says how it answers, or it sleeps on. */
const HABITS = ['101', '102', '103', '104', '101', '104', '486', 'asleep'] as const

/** Of a hundred callers so many hang up before they are connected. */
const DROPPED_CHANCE = 0.2
const TICK_MS = 70
/** The front's answer comes within its wait; a caller whose front has died hears the end of the stream. */
const GIVE_UP_MS = 30_000

export function createSleeperTraffic(plan: ChaosPlan, scene: () => Scene): SleeperTraffic {
  const random = seededRandom(plan.seed, 'sleepers')
  const phones = seededRandom(plan.seed, 'sleeping phones')
  const callers: SocketCaller[] = []
  const pushes: SleeperPush[] = []
  const registers: { account: string; atMs: number }[] = []
  /** Calls whose phone has seen its push, by the account. */
  const accountOfCall = new Map<string, string>()
  const seen = new Set<string>()
  const running = new Set<Promise<void>>()
  let timer: Timer | undefined
  let jobs = 0

  const accounts = HABITS.map((_, index) => `sleeper-${index}`)
  const habitOf = (account: string) => HABITS[accounts.indexOf(account)]!
  const isAwakened = (account: string) => habitOf(account) !== 'asleep'

  async function registerPhone(account: string): Promise<void> {
    const habit = habitOf(account)
    const user = `1888${accounts.indexOf(account)}${habit === 'asleep' ? '104' : habit}`
    const uri = `sip:${user}@192.0.2.7:5060;transport=tcp;pn-provider=fcm;pn-param=chaos;pn-prid=push:${account}`
    await Promise.all(scene().switches.map(({ remote }) => remote.register({ user: account, uri })))
  }

  async function callAtSocket(): Promise<void> {
    const account = random.pick(accounts)
    const [isDropped, afterMs, which] = [
      random.chance(DROPPED_CHANCE),
      random.between(50, 2_000),
      random.next(),
    ]
    const fronts = scene()
      .crew.of('front')
      .filter(({ member }) => member.publicUrl !== '')
    const front = fronts[Math.floor(which * fronts.length)]?.member
    if (!front) return
    const caller: SocketCaller = {
      callId: crypto.randomUUID(),
      account,
      front: front.name,
      askedAtMs: Date.now(),
      isTaken: false,
    }
    callers.push(caller)
    accountOfCall.set(caller.callId, account)
    let channel: DialplanChannel
    try {
      channel = await openChannel(front.socketPort, {
        uuid: caller.callId,
        account,
        onExecute: () => {
          caller.isTaken = true
        },
      })
    } catch {
      // Nobody listens there any more: the dialplan goes on at once.
      return
    }
    const dropper =
      isDropped &&
      setTimeout(() => {
        caller.hungUpAtMs = Date.now()
        channel.hangUp()
      }, afterMs)
    const wentOn = await Promise.race([channel.wentOn, Bun.sleep(GIVE_UP_MS)])
    if (dropper) clearTimeout(dropper)
    if (!wentOn) return
    caller.wentOn = wentOn
    caller.endedAtMs = Date.now()
    const status = channel.variables.get('hookswitch_status')
    if (status !== undefined) caller.status = status
  }

  function drawJob(): PushedJob['job'] & { dial_id: string } {
    const dialId = `${DIAL_PREFIX}${plan.seed}-w${++jobs}`
    const account = random.pick(accounts)
    accountOfCall.set(dialId, account)
    const ids = { dial_id: dialId, org_id: 'org', user_id: `user-${random.whole(1, 50)}` }
    const kind = random.weighted([
      ['callee', 50],
      ['callee or number', 15],
      ['caller', 20],
      ['bot', 15],
    ] as const)
    if (kind === 'bot') return { type: 'bot-call', ...ids, account, caller_id: '15550000009' }
    const asp = {
      ...{ type: 'asp-call', ...ids, call_provider: 'acme' },
      ...{ caller_id_lega: '15550000002', caller_id_legb: '15550000001' },
    }
    const number = () => drawNumber(random, CALLER_WEIGHTS)
    if (kind === 'caller') return { ...asp, caller_account: account, callee_number: number() }
    const toAccount = { ...asp, caller_number: number(), callee_account: account }
    return kind === 'callee' ? toAccount : { ...toAccount, callee_number: number() }
  }

  return {
    callers,
    pushes,
    registers,
    isAwakened,

    async register() {
      await Promise.all(accounts.map(registerPhone))
      const isKnown = async (account: string) =>
        (await scene().redis.client.exists(`hookswitch:devices:{${account}}`)) === 1
      for (const account of accounts) while (!(await isKnown(account))) await Bun.sleep(20)
    },

    start(calls) {
      const [jobDue, callerDue] = [metronome(plan.sleepersPerSecond), metronome(plan.sleepersPerSecond)]
      timer = setInterval(() => {
        for (let due = jobDue(); due > 0; due--) calls.push(drawJob())
        for (let due = callerDue(); due > 0; due--) {
          const calling = callAtSocket().finally(() => running.delete(calling))
          running.add(calling)
        }
      }, TICK_MS)
    },

    onLine({ line, atMs }, { name }) {
      const { call_id: callId, response_api: url, msg, attempt } = line as Record<string, string | undefined>
      const account = accountOfCall.get(callId ?? '')
      if (!msg?.includes("push 'call'") || !callId || !url || account === undefined) return
      pushes.push({ callId, device: deviceOf(url), attempt: Number(attempt), front: name, atMs })
      if (!isAwakened(account) || seen.has(callId)) return
      seen.add(callId)
      const wakesAfterMs = phones.between(20, 1_500)
      const waking = Bun.sleep(wakesAfterMs)
        .then(() => {
          registers.push({ account, atMs: Date.now() })
          return registerPhone(account)
        })
        // A control port that is gone, or a machine that stands still: the phone sleeps on.
        .catch(() => undefined)
        .finally(() => running.delete(waking))
      running.add(waking)
    },

    async stop() {
      clearInterval(timer)
      while (running.size > 0) await Promise.all(running)
    },
  }
}
