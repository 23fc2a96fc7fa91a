// Wakes the phones of a side that is an account, and rings them: the union of both halves, as the dial half sees it. A front
// is asked through Redis; when a phone is awake the switch is asked where the account's phones are, and told to ring them.
// How far this has come stands in the call's record, so that whoever takes the call over goes on with it. The caller's phones
// are woken before the originate, the callee's when the caller has answered, who hears it ring meanwhile.

import { MS_PER_SECOND } from '../../base/units.ts'
import { type Account, assertAllowed, parseChannelUuid } from '../../esl/allow.ts'
import { playRingback } from '../../esl/commands.ts'
import type { Reached } from '../../esl/originate.ts'
import type { WakeAsker, WakeEnd } from '../../union/askWakes.ts'
import { tellBug } from '../agent/bugs.ts'
import type { AgentContext, Waker } from '../agent/context.ts'
import {
  ABSENT_FIELD,
  type Call,
  CLAIM_FIELD,
  isRung,
  type Leg,
  ringAt,
  type Waking,
  wakeField,
  wakeSinceField,
} from '../call/call.ts'
import { wakeEvent } from '../call/events.ts'
import { isLeft, isOurs, say, sayNow } from '../call/publish.ts'
import { advance } from '../follow/channelEvents.ts'
import { CAUSE_ABSENT, letCallerGo } from '../follow/letCallerGo.ts'
import { reconcile } from '../follow/reconcile.ts'
import { accountOf, type Job } from '../job/job.ts'
import { joinOf, originateOf, phoneOf } from '../job/originateFor.ts'
import { failCall, noteReply, sendOriginate } from '../job/sendOriginate.ts'
import { reachOf } from './reach.ts'

const CAUSE_BUG = 'an error of hookswitch itself'
const CAUSE_SWITCH_AWAY = 'the switch is away'

/** A switch that is away when a phone has woken gets this to come back; the phone waits for its call. */
const SWITCH_BACK_MS = 5 * MS_PER_SECOND
/** After this time the event that the caller is parked counts as missed. */
const PARKED_MS = MS_PER_SECOND
const LOOK_AGAIN_MS = 0.1 * MS_PER_SECOND

export function createWaker(context: AgentContext, asker: WakeAsker): Waker {
  const { log } = context

  function begin(call: Call, side: string): void {
    if (call.waking || call.isEnding || isRung(call, side)) return
    const account = accountOf(call.job, side)
    if (account === undefined) return
    const { promise: isCallerParked, resolve: markParked } = Promise.withResolvers<void>()
    const waking: Waking = { side, asked: undefined, isCallerParked, markParked }
    call.waking = waking
    const orGiveUp = (going: Promise<void>): void =>
      void going.catch(thrown => {
        tellBug(context, 'task', thrown, { dialId: call.record.dialId })
        giveUp(call, side)
      })
    // A former owner told so, and died before it went on. The phone may have answered since, too late.
    if (call.record.fields[wakeField(side)] === 'failed') return orGiveUp(goOnWithout(call, waking))
    const { traceparent } = call.record.fields
    waking.asked = asker.ask(
      `${call.record.fields[CLAIM_FIELD]}.${side}`,
      {
        call: {
          account,
          callId: call.record.dialId,
          phonenumber: shownTo(call.job, side),
          callerId: '',
          ...(traceparent === undefined ? {} : { traceparent }),
        },
        waitMs: context.settings.wakeTimeoutMs,
      },
      {
        onPushed: () => tell(call, side, 'pushed'),
        onEnd: end => orGiveUp(goOnAfter(call, waking, account, end)),
      },
    )
  }

  /** Publishes a wake-event once, even if the call changes its owner meanwhile. */
  function tell(call: Call, side: string, state: 'pushed' | 'confirmed' | 'failed', reason?: string): void {
    const field = wakeField(side)
    const before = call.record.fields[field]
    if (before === state || (state === 'pushed' && before !== undefined)) return
    const fields = { [field]: state, [wakeSinceField(side)]: String(Math.round(context.clock())) }
    Object.assign(call.record.fields, fields)
    const event = wakeEvent(side, state, reason)
    context.timeline.add(call.record.dialId, {
      what: 'wake',
      side,
      state,
      ...(reason === undefined ? {} : { reason }),
    })
    say(context, call, { event, fields })
  }

  async function goOnAfter(call: Call, waking: Waking, account: Account, end: WakeEnd): Promise<void> {
    const { side } = waking
    const isWanted = () => call.waking === waking && !call.isEnding
    // While the call is handed over its next owner hears the same news from Redis, and publishes it.
    while (call.ownership === 'offered') await Promise.allSettled([call.moving])
    if (!isWanted() || isLeft(call)) return
    const reason = end.kind === 'failed' ? end.reason : undefined
    context.count('jobWakes', labelOf(reason))
    tell(call, side, end.kind, reason)
    if (reason !== undefined) return goOnWithout(call, waking, reason)
    const { dialId } = call.record
    const reach = await reachOf(context, account, { dialId, side, isWanted })
    if (!isWanted()) return
    if (reach.kind === 'found') return ring(call, waking, reach)
    context.count('jobWakes', 'no-contact')
    tell(call, side, 'failed', 'no-contact')
    return goOnWithout(call, waking, 'no-contact')
  }

  /** No phone of the account can be rung, and that has been told. */
  async function goOnWithout(call: Call, waking: Waking, reason?: string): Promise<void> {
    const { side } = waking
    const number = numberBeside(call, side)
    if (number) return ring(call, waking, number)
    call.waking = undefined
    const why = reason === undefined ? '' : `: ${reason}`
    if (side === '0') failCall(context, call, `the phones of the account did not wake${why}`)
    else endAbsent(call)
  }

  /** A bug costs this side its call; nobody is to wait for it for ever. */
  function giveUp(call: Call, side: string): void {
    call.waking = undefined
    if (isLeft(call) || call.isEnding) return
    if (side === '1') endAbsent(call)
    else if (!call.isSent) failCall(context, call, CAUSE_BUG)
  }

  /** The number that is dialled where the account's phones can't be. */
  function numberBeside(
    { job, a, b }: Call,
    side: string,
  ): { side: Reached | undefined; phones: number } | undefined {
    if (job.kind === 'bot-call') return job.target && { side: undefined, phones: 1 }
    if (job.kind !== 'asp-call') return undefined
    const number = side === '0' ? job.callerNumber : job.calleeNumber
    return number && { side: phoneOf(number, side === '0' ? a : b), phones: 1 }
  }

  async function ring(
    call: Call,
    waking: Waking,
    { side: reached, phones }: { side: Reached | undefined; phones: number },
  ): Promise<void> {
    const { side } = waking
    const leg = side === '0' ? call.a : call.b!
    const sessions = side === '0' && call.b && accountOf(call.job, '1') === undefined ? phones + 1 : phones
    await context.allowance.turn(sessions)
    // The switch parks a caller within milliseconds of the answer.
    if (side === '1') await Promise.race([waking.isCallerParked, Bun.sleep(PARKED_MS)])
    if (!(await hasSwitch(call, waking))) return
    // Written before the order leaves: whoever takes the call over then asks the switch, and rings nobody twice.
    const isOurCall = await writeRinging(call, waking, leg, phones)
    if (!isOurCall) return
    // The line may have been lost meanwhile: nothing has left, and the phone still waits for its call.
    if (!(await hasSwitch(call, waking)) || leg.state !== 'expected') return
    call.waking = undefined
    context.timeline.add(call.record.dialId, { what: 'rings-account', side, phones })
    if (side === '0') {
      const originate = originateOf(context, call.job, call, reached)
      const accepted = sendOriginate(context, call, originate, undefined)
      return noteReply(context, call.record.dialId, accepted)
    }
    if (call.job.kind !== 'asp-call' || !reached) return
    const joining = context.link.api(joinOf(context, call.job, call, reached))
    noteReply(context, call.record.dialId, joining)
    const { kind } = await joining
    if (call.isEnding) return
    if (kind === 'busy') return endAbsent(call)
    // Either the caller is gone, or the switch never got the order. After a loss of the line the comparison asks anyhow.
    if (kind === 'error' || kind === 'timeout') await reconcile(context, call, context.link.coreUuid ?? '')
  }

  /** @returns false when the call is not to be rung: not wanted, or the switch stays away. */
  async function hasSwitch(call: Call, waking: Waking): Promise<boolean> {
    const endsAtMs = performance.now() + SWITCH_BACK_MS
    while (!context.link.isReady && performance.now() < endsAtMs && call.waking === waking)
      await Bun.sleep(LOOK_AGAIN_MS)
    if (call.waking !== waking || call.isEnding) return false
    if (context.link.isReady) return true
    call.waking = undefined
    // For a caller who waits this is no failure: the comparison with the switch rings the callee when the switch is back.
    if (waking.side === '0') failCall(context, call, CAUSE_SWITCH_AWAY)
    return false
  }

  async function writeRinging(call: Call, waking: Waking, leg: Leg, phones: number): Promise<boolean> {
    const { promise: written, resolve } = Promise.withResolvers<boolean>()
    call.tasks.run(async () => {
      try {
        const isWanted = call.waking === waking && !call.isEnding && (await isOurs(context, call))
        if (!isWanted || call.waking !== waking) return resolve(false)
        const core = context.link.coreUuid ?? ''
        call.record.fields.core = core
        const fields = { ...ringAt(call, leg, phones), core }
        context.calls.addLeg(call, leg)
        const isSaid = await sayNow(context, call, { fields })
        resolve(isSaid && call.waking === waking && !call.isEnding)
      } finally {
        resolve(false)
      }
    })
    return written
  }

  /** Nobody answers for the callee: the caller, who hears it ring, is let go. */
  function endAbsent(call: Call): void {
    if (!call.b || call.b.state === 'hungup') return
    call.record.fields[ABSENT_FIELD] = '1'
    say(context, call, { fields: { [ABSENT_FIELD]: '1' } })
    advance(context, call, call.b, 'hungup', CAUSE_ABSENT)
    letCallerGo(context, call)
  }

  return {
    begin,

    answered(call) {
      if (call.b?.state === 'expected') begin(call, '1')
    },

    parked({ waking, a }) {
      if (waking?.side !== '1') return
      void context.link.api(playRingback(uuidOf(a.channelUuid)))
      waking.markParked()
    },

    goOn(call) {
      if (!isRung(call, '0')) return begin(call, '0')
      if (call.a.state !== 'answered' || call.b?.state !== 'expected') return
      begin(call, '1')
      // The caller was parked a while ago, under the former owner.
      call.waking?.markParked()
    },

    cancel(call) {
      const { waking } = call
      call.waking = undefined
      waking?.asked?.cancel()
      return waking !== undefined
    },

    close() {
      asker.close()
      log.debug('no wakes are asked for any more')
    },
  }
}

/** The reasons that fronts of this version name; a front of another version may name others. */
const REASONS = new Set(['no-device', 'unavailable', 'timeout', 'push-refused', 'caller-gone', 'busy'])

const labelOf = (reason: string | undefined): string => {
  if (reason === undefined) return 'confirmed'
  return REASONS.has(reason) ? reason : 'other'
}

const uuidOf = (channelUuid: string) => assertAllowed(parseChannelUuid(channelUuid))

/** The number and name that the woken phone shows: the same as when it rings. */
const shownTo = (job: Job, side: string): string =>
  job.kind === 'asp-call'
    ? side === '0'
      ? job.callerIdLegA
      : job.callerIdLegB
    : job.kind === 'bot-call'
      ? job.callerId
      : ''
