// Turns a job into a call: reads it, claims its dial id, writes down what a survivor needs, and only then sends the
// one originate. Every job ends here in exactly one way: a call, a failure on its channel, or back on its list. What
// happens to the call afterwards is followed elsewhere.

import { assertNever, messageOf } from '../../base/result.ts'
import { MS_PER_SECOND, toSeconds } from '../../base/units.ts'
import {
  type GatewayName,
  parseChannelUuid,
  parseGatewayName,
  parseHeaderPrefix,
  parseProfileName,
} from '../../esl/allow.ts'
import { valid } from '../../esl/assertAllowed.ts'
import type { EslCommand } from '../../esl/command.ts'
import { originateAsp, originateBot, originateLoadTest } from '../../esl/originate.ts'
import { answerOf, type CommandOutcome } from '../../esl/outcome.ts'
import { conclude, type Desk, letGo, sayFailure, sayOn, settleJob, untilWritten } from '../agent/context.ts'
import { type Call, createCall } from '../call/call.ts'
import { callFailure } from '../call/events.ts'
import { settleUnknown } from '../follow/reconcile.ts'
import type { TakenJob } from './intake.ts'
import { type Job, parseJob } from './job.ts'

/** How a job's dialling began. `failed` was said on the dial id's channel already. */
export type Dialled =
  | { kind: 'sent'; accepted: Promise<CommandOutcome> }
  | { kind: 'failed'; cause: string }
  | { kind: 'returned' }

const CAUSE_DUPLICATE = 'duplicate dial_id'

/** Between two tries to find out whether we still live, while Redis is away. */
const MAY_ACT_RETRY_MS = 200

/** A job's result comes with A's answer or A's failure; beyond the ring time the switch gets this to say so. */
const RESULT_MARGIN_MS = 15 * MS_PER_SECOND

/** Dials a job of a list. Never rejects: what goes wrong is said on the job's channel. */
export async function dialJob(desk: Desk, taken: TakenJob): Promise<Dialled> {
  const { settings } = desk
  const parsed = parseJob(taken.text)
  if (!parsed.ok) {
    const { dialId, cause } = parsed.failure
    return refuse(desk, taken, { dialId, cause, isBuried: true })
  }
  const job = parsed.value
  const { takenAtMs } = taken
  if (job.kind === 'load-test' && !settings.isLoadTestAllowed)
    return refuse(desk, taken, {
      dialId: job.dialId,
      job,
      cause: 'load tests need RED_MODE=load-test',
      isBuried: true,
    })
  const isLate = job.queuedAtMs !== undefined && takenAtMs - job.queuedAtMs > settings.jobAgeMaxMs
  if (isLate) return refuse(desk, taken, { dialId: job.dialId, job, cause: 'expired', isBuried: false })
  return dial(desk, job, taken)
}

/** Dials a job that was read already: claim, then originate. */
export async function dial(
  desk: Desk,
  job: Job,
  taken: Omit<TakenJob, 'takenAtMs'> & Partial<TakenJob>,
): Promise<Dialled> {
  const { settings, link, calls } = desk
  const isOurs = calls.find(job.dialId) !== undefined
  if (isOurs) return refuse(desk, taken, { dialId: job.dialId, cause: CAUSE_DUPLICATE, isBuried: false })

  const call = createCall(job, { ...taken, switchName: settings.switch.name })
  call.record.fields.core = link.coreUuid ?? ''
  // For operators, who see how long it lasts.
  call.record.fields.since = String(desk.clock())
  // Its survivors go on with the trace.
  const traceparent = desk.traces?.beginCall(job.dialId, job.traceparent)
  if (traceparent !== undefined) call.record.fields.traceparent = traceparent
  // Reserved before the first await: a second job of this dial id must find it.
  calls.add(call)
  const claiming = desk.store.claim(desk.agent, call.record)
  // Made while Redis answers.
  const originate = originateOf(desk, job, call)
  try {
    const claimed = await claiming
    if (claimed !== 'claimed') letGo(desk, call)
    if (claimed === 'duplicate')
      return refuse(desk, taken, { dialId: job.dialId, cause: CAUSE_DUPLICATE, isBuried: false })
    // We were taken for dead, and somebody else has the job.
    if (claimed === 'revoked') return { kind: 'returned' }
  } catch (thrown) {
    // Whether Redis took the claim is unknown, but nothing was sent: the job may be dialled by anybody later.
    desk.log.warn({ dialId: job.dialId, reason: messageOf(thrown) }, 'redis away: job given back')
    return giveBack(desk, call)
  }
  // Paused since the claim, we may have been declared dead, and the call another's: then the originate is not ours.
  // And the switch may have restarted: where the call is to be is written down already.
  if (!(await desk.mayAct()) || !link.isReady || call.record.fields.core !== link.coreUuid) {
    noteTaken(desk, job, taken)
    return giveBack(desk, call)
  }

  call.isSent = true
  const { accepted, result } = link.bgapi(originate, {
    jobUuid: crypto.randomUUID(),
    timeoutMs: settings.ringTimeoutSeconds * MS_PER_SECOND + RESULT_MARGIN_MS,
  })
  // The phone waits for nothing but the claim; nobody knows of the call before its call-start, which waits for this.
  call.listening = desk.channels.listen(job.dialId, message => desk.onMessage(call, message))
  call.serial.run(() => checkHearing(desk, call))
  desk.count('jobs', job.kind)
  noteTaken(desk, job, taken)
  noteOriginate(desk, call, accepted)
  settleJob(desk, call).catch(thrown =>
    desk.log.debug(
      { reason: messageOf(thrown) },
      'job still in flight; it is settled at the end of its call',
    ),
  )
  void result.then(outcome => hearResult(desk, call, outcome))
  return { kind: 'sent', accepted }
}

/** Behind the originate, which waits for nothing that is only told. */
function noteTaken(desk: Desk, job: Job, { list, takenAtMs = desk.clock() }: Partial<TakenJob>): void {
  const { kind, dialId, userId, queuedAtMs, traceparent } = job
  const numbers =
    job.kind === 'asp-call'
      ? { callerNumber: job.callerNumber, calleeNumber: job.calleeNumber }
      : { callerNumber: job.target.kind === 'sip' ? job.target.uri : job.target.number }
  if (queuedAtMs !== undefined) desk.observe('jobWait', kind, Math.max(0, toSeconds(takenAtMs - queuedAtMs)))
  const queued = queuedAtMs === undefined ? {} : { queuedForMs: Math.round(takenAtMs - queuedAtMs) }
  const where = { list: list ?? '', switch: desk.settings.switch.name }
  desk.timeline.add(
    dialId,
    { what: 'job-taken', kind, ...where, account: userId, ...numbers, ...queued },
    { account: userId, atMs: takenAtMs, ...(traceparent === undefined ? {} : { traceparent }) },
  )
}

function noteOriginate(desk: Desk, { job, a }: Call, accepted: Promise<CommandOutcome>): void {
  const gateway = gatewayOf(desk, job)
  desk.timeline.add(job.dialId, {
    what: 'originate',
    side: a.side,
    ...(gateway === undefined ? {} : { gateway }),
  })
  void accepted.then(outcome => {
    const text = 'text' in outcome && outcome.kind === 'error' ? { text: outcome.text } : {}
    desk.timeline.add(job.dialId, { what: 'originate-answered', outcome: outcome.kind, ...text })
  })
}

/** What our subscription brings may be another's to answer: if we were declared dead before it stood, the marker with
 *  which the other's part began was said before we could hear it. */
async function checkHearing(desk: Desk, call: Call): Promise<void> {
  await call.listening
  while (!call.isFenced && !(await desk.mayAct())) await Bun.sleep(MAY_ACT_RETRY_MS)
  if (!call.isFenced) return
  call.isDeaf = true
  letGo(desk, call)
}

/** The originate has ended: A answered, or why not. */
function hearResult(desk: Desk, call: Call, outcome: CommandOutcome): void {
  const { dialId } = call.record
  switch (outcome.kind) {
    case 'ok':
      return
    case 'error':
      // With a channel its own events tell the story; without one (unknown gateway, say) nothing else will.
      if (call.a.state === 'expected') failCall(desk, call, answerOf(outcome.text) || outcome.text)
      return
    // The table of waiting commands was full: nothing was sent.
    case 'busy':
      return void giveBack(desk, call)
    case 'timeout':
      desk.log.warn({ dialId }, 'the switch never told what became of an originate: asking')
      return void settleUnknown(desk, call)
    // The link broke after the bytes left. What became of it is asked when the link is back; never sent again.
    case 'lost':
      return
    default:
      return assertNever(outcome)
  }
}

/** The call never came to be. */
export function failCall(desk: Desk, call: Call, cause: string): void {
  if (call.isEnding) return
  desk.log.info({ dialId: call.record.dialId, cause }, 'call not made')
  desk.count('dials', `${call.job.kind} failed`)
  sayFailure(desk, call, cause)
  conclude(desk, call)
}

/** Answers a job that won't be dialled. Buried ones are kept for people to read. */
async function refuse(
  desk: Desk,
  taken: { text: string; list: string },
  refusal: { dialId: string | undefined; cause: string; isBuried: boolean; job?: Job },
): Promise<Dialled> {
  const { dialId, cause, isBuried, job } = refusal
  desk.log.warn({ dialId, list: taken.list, cause }, 'job refused')
  desk.count('jobs', 'refused')
  if (job) noteTaken(desk, job, taken)
  if (dialId !== undefined) {
    const isOther = cause === CAUSE_DUPLICATE
    desk.timeline.add(dialId, { what: 'job-refused', cause, isBuried, isOther })
  }
  if (dialId !== undefined) await sayOn(desk, dialId, callFailure(cause))
  if (taken.list === '') return { kind: 'failed', cause }
  if (isBuried) {
    desk.count('deadLetters')
    await untilWritten(desk, () => desk.jobs.bury(taken.list, taken.text, cause, desk.clock()))
  } else await untilWritten(desk, () => desk.jobs.done(taken.list, taken.text))
  return { kind: 'failed', cause }
}

/** Nothing was sent: the job goes back to the head of its list, and its dial id is free again. The dial id first, or
 *  the next taker of the job would find it in use. */
async function giveBack(desk: Desk, call: Call): Promise<Dialled> {
  call.isEnding = true
  // Once declared dead we leave both to a survivor: it may already count on the call that we would release.
  while (!call.isFenced && !(await desk.mayAct())) await Bun.sleep(MAY_ACT_RETRY_MS)
  if (!call.isFenced) {
    await untilWritten(desk, () => desk.store.release(desk.agent, call.record))
    if (call.list !== '') await untilWritten(desk, () => desk.jobs.putBack(call.list, call.text))
  }
  letGo(desk, call)
  desk.timeline.add(call.record.dialId, { what: 'job-returned' })
  return { kind: 'returned' }
}

function originateOf(desk: Desk, job: Job, call: Call): EslCommand {
  const { settings } = desk
  const channelUuid = valid(parseChannelUuid(call.a.channelUuid))
  const routes = {
    gateway: valid(parseGatewayName(settings.gateway)),
    profile: valid(parseProfileName(settings.sipProfile)),
  }
  const headerPrefix = valid(parseHeaderPrefix(settings.sipHeaderPrefix))
  const { ringTimeoutSeconds } = settings
  switch (job.kind) {
    case 'asp-call':
      return originateAsp({
        ...job,
        gateway: gatewayFor(desk, job.callProvider),
        headerPrefix,
        ringTimeoutSeconds,
        caller: { number: job.callerNumber, callerId: job.callerIdLegA, channelUuid },
        callee: {
          number: job.calleeNumber,
          callerId: job.callerIdLegB,
          channelUuid: valid(parseChannelUuid(call.b?.channelUuid)),
        },
      })
    case 'bot-call': {
      const { credentials, ...rest } = job
      return originateBot({
        ...rest,
        ...routes,
        headerPrefix,
        ringTimeoutSeconds,
        channelUuid,
        ...(credentials ? { credentials } : {}),
      })
    }
    case 'load-test':
      return originateLoadTest({
        ...job,
        ...routes,
        gateway: job.gateway,
        leg: job.side,
        ringTimeoutSeconds,
        channelUuid,
      })
    default:
      return assertNever(job)
  }
}

/** Undefined: the call needs none, it goes to a SIP address. */
function gatewayOf(desk: Desk, job: Job): string | undefined {
  if (job.kind === 'asp-call') return gatewayFor(desk, job.callProvider)
  if (job.target.kind === 'sip') return undefined
  return job.kind === 'load-test' ? job.gateway : desk.settings.gateway
}

function gatewayFor(desk: Desk, provider: string): GatewayName {
  const { gateways, gateway } = desk.settings
  return valid(parseGatewayName(Object.hasOwn(gateways, provider) ? gateways[provider] : gateway))
}
