// Obeys the control messages of a call. Each becomes one or a few commands to the switch; what the switch made of them is
// the message's answer: an ack, or a failure with a cause that a person understands.

import { assertNever, fail, ok } from '../../base/result.ts'
import { MS_PER_SECOND } from '../../base/units.ts'
import {
  assertAllowed,
  type ChannelUuid,
  isAbsoluteFile,
  type MediaPath,
  parseChannelUuid,
  parseDialId,
  parseGatewayName,
  parseOrgId,
  parseProfileName,
  parseUserId,
} from '../../esl/allow.ts'
import type { EslCommand } from '../../esl/command.ts'
import {
  fileExists,
  type HeardBy,
  hangUpChannel,
  playToBoth,
  startBackground,
  stopBackground,
  stopPlayback,
  superviseAs,
} from '../../esl/commands.ts'
import { originateBarge } from '../../esl/originate.ts'
import { answerOf, type CommandOutcome, isUnknownChannel } from '../../esl/outcome.ts'
import { bargerFields } from '../../redis/calls/bargers.ts'
import type { AgentContext } from '../agent/context.ts'
import {
  type BargeMode,
  type Barger,
  bargerOf,
  type Call,
  isLive,
  legsOf,
  PLAYING_FIELD,
} from '../call/call.ts'
import type { Obeyed } from '../call/events.ts'
import { livingChannelsOf } from '../call/leg.ts'
import { sayNow } from '../call/publish.ts'
import { endBarger } from '../follow/channelEvents.ts'
import { sentenceOf } from '../job/job.ts'
import { failCall } from '../job/sendOriginate.ts'
import { type Control, type Message, readControl } from './messages.ts'

/** What a message wants of a call. @returns why it was not obeyed, or what goes into its ack. */
export function obeyOrder(context: AgentContext, call: Call, message: Message): Obeyed | Promise<Obeyed> {
  const control = readControl(message)
  if (control.ok) return obey(context, call, control.value)
  const { failure } = control
  return fail(typeof failure === 'string' ? failure : failure.map(sentenceOf).join('; '))
}

async function obey(context: AgentContext, call: Call, control: Control): Promise<Obeyed> {
  if (call.isEnding || call.a.state === 'hungup') return fail('the call has ended')
  if (control.kind === 'hangup' && call.a.state === 'expected' && context.waker.cancel(call)) {
    failCall(context, call, CAUSE_CANCELLED)
    return ok({})
  }
  if (call.a.state === 'expected') return fail('the call has not started yet')
  switch (control.kind) {
    case 'hangup':
      return hangUp(context, call, control.bargeId)
    case 'barge':
      return barge(context, call, control)
    case 'mode':
      return setMode(context, call, control)
    case 'play':
      return play(context, call, control)
    case 'stop-playback': {
      await untilSidesListen(call.soundOrderedAtMs)
      const obeyed = taken(await context.link.api(stopPlayback(aLegOf(call))))
      if (obeyed.ok) await notePlaying(context, call, false)
      return obeyed
    }
    case 'background':
      return background(context, call, control)
    default:
      return assertNever(control)
  }
}

async function hangUp(context: AgentContext, call: Call, bargeId: string | undefined): Promise<Obeyed> {
  if (bargeId === undefined) {
    const [first, ...further] = livingChannelsOf(call.a)
    for (const each of further) void context.link.api(hangUpChannel(assertChannel(each), 'NORMAL_CLEARING'))
    return taken(
      await context.link.api(hangUpChannel(assertChannel(first ?? call.a.channelUuid), 'NORMAL_CLEARING')),
    )
  }
  const barger = bargerOf(call, bargeId)
  if (!barger) return fail(noBarger(bargeId))
  const outcome = await context.link.api(hangUpChannel(uuidOf(barger), 'NORMAL_CLEARING'))
  return taken(outcome, { barge_id: barger.bargeId })
}

/** Rings a third phone that listens. Acked once the switch has the order; `barge-event`s tell of the phone. */
async function barge(
  context: AgentContext,
  call: Call,
  order: Extract<Control, { kind: 'barge' }>,
): Promise<Obeyed> {
  const { settings, link } = context
  // Several phones ring, and only the switch will know which of them takes the call.
  if (call.a.places && call.a.state !== 'answered') return fail('the call is not answered yet')
  const living = [...call.bargers.values()].filter(each => each.state !== 'ended')
  if (living.length >= settings.bargersMax)
    return fail(`the call has ${settings.bargersMax} bargers (BARGERS_MAX)`)
  await context.allowance.turn(1)
  const { target } = order
  const barger: Barger = {
    bargeId: crypto.randomUUID(),
    state: 'expected',
    mode: 'mute',
    sinceMs: context.clock(),
    phone: target.kind === 'sip' ? target.uri : target.number,
  }
  const { dialId, orgId, userId } = call.record
  // The barger is registered before the order is sent: else its first event would belong to no call.
  context.calls.addBarger(call, barger)
  const { accepted, result } = link.bgapi(
    originateBarge({
      dialId: assertAllowed(parseDialId(dialId)),
      orgId: assertAllowed(parseOrgId(orgId)),
      userId: assertAllowed(parseUserId(userId)),
      gateway: assertAllowed(parseGatewayName(settings.gateway)),
      profile: assertAllowed(parseProfileName(settings.sipProfile)),
      target,
      callerId: order.callerId,
      ...(order.credentials ? { credentials: order.credentials } : {}),
      channelUuid: uuidOf(barger),
      targetChannelUuid: aLegOf(call),
      ringTimeoutSeconds: settings.ringTimeoutSeconds,
    }),
    { jobUuid: crypto.randomUUID(), timeoutMs: (settings.ringTimeoutSeconds + 15) * MS_PER_SECOND },
  )
  void result.then(outcome => {
    // Without a channel (unknown gateway, say) no event tells of its end.
    if (outcome.kind === 'error' && barger.state === 'expected')
      endBarger(context, call, barger, answerOf(outcome.text) || outcome.text)
  })
  const obeyed = taken(await accepted, { barge_id: barger.bargeId })
  if (!obeyed.ok) barger.state = 'ended'
  else await sayNow(context, call, { fields: bargerFields(barger) })
  return obeyed
}

/** By tones played and detected: `a-leg` is the call's initiator, side 0. */
const HEARD_BY: Record<BargeMode, HeardBy> = { mute: 'nobody', whisper: 'a-leg', threeway: 'both' }

async function setMode(
  context: AgentContext,
  call: Call,
  order: Extract<Control, { kind: 'mode' }>,
): Promise<Obeyed> {
  const barger = bargerOf(call, order.bargeId)
  // The switch says +OK even for a leg that is gone, so our own record of the leg decides.
  if (!barger) return fail(noBarger(order.bargeId))
  const obeyed = taken(await context.link.sendEvent(superviseAs(uuidOf(barger), HEARD_BY[order.mode])), {
    barge_id: barger.bargeId,
  })
  if (!obeyed.ok) return obeyed
  barger.mode = order.mode
  await sayNow(context, call, { fields: bargerFields(barger) })
  return obeyed
}

async function play(
  context: AgentContext,
  call: Call,
  order: Extract<Control, { kind: 'play' }>,
): Promise<Obeyed> {
  if (call.a.state !== 'answered') return fail('the call is not answered yet')
  // A alone would hear it, and could not be bridged to a callee who answers until the file has ended (measured).
  if (call.b && call.b.state !== 'answered') return fail('the callee has not answered yet')
  await untilSidesListen(call.joinedAtMs)
  // The switch says +OK to a file that does not exist.
  const missing = await findMissing(context, order.path)
  if (missing) return fail(missing)
  if (order.isReplacing) {
    await untilSidesListen(call.soundOrderedAtMs)
    const stopped = taken(await context.link.api(stopPlayback(aLegOf(call))))
    if (!stopped.ok) return stopped
  }
  const obeyed = taken(await context.link.api(playToBoth(aLegOf(call), order.path)))
  call.soundOrderedAtMs = performance.now()
  if (obeyed.ok) await notePlaying(context, call, true)
  return obeyed
}

/** A side of a new bridge looks for what it shall play when it has read ten packets, which are 200 ms of sound, and then not while
 *  its partner plays: of two sides that are told before that, one mostly hears nothing until the file has ended (A in 17 of
 *  25 calls on FreeSWITCH 1.10.12; 300 ms after the answer in none of 12). A sound begins when five more packets were read, and
 *  a stop that comes before is lost (seen; switch_ivr_parse_event). */
const SIDES_LISTEN_AFTER_MS = 500

async function untilSidesListen(sinceMs: number | undefined): Promise<void> {
  const waitMs = sinceMs === undefined ? 0 : sinceMs + SIDES_LISTEN_AFTER_MS - performance.now()
  if (waitMs > 0) await Bun.sleep(waitMs)
}

/** A successor must know it too: a side that is alone while it plays is kept by the switch until the file has ended. */
async function notePlaying(context: AgentContext, call: Call, isPlaying: boolean): Promise<void> {
  if (call.isPlaying === isPlaying) return
  call.isPlaying = isPlaying
  await sayNow(context, call, { fields: { [PLAYING_FIELD]: isPlaying ? '1' : '' } })
}

async function findMissing(context: AgentContext, path: MediaPath): Promise<string | undefined> {
  if (!isAbsoluteFile(path)) return undefined
  const outcome = await context.link.api(fileExists(path))
  if (outcome.kind !== 'ok') return causeOf(outcome)
  return outcome.text.startsWith('true') ? undefined : 'the switch has no such file'
}

/** Mixed under the talk, once for each side, so that both hear it and go on hearing each other. */
async function background(
  context: AgentContext,
  call: Call,
  order: Extract<Control, { kind: 'background' }>,
): Promise<Obeyed> {
  if (call.a.state !== 'answered') return fail('the call is not answered yet')
  const legs = legsOf(call).filter(isLive)
  const make = order.isStarting ? startBackground : stopBackground
  const commands: EslCommand[] = legs.map(leg =>
    make(assertAllowed(parseChannelUuid(leg.channelUuid)), order.path),
  )
  const outcomes = await Promise.all(commands.map(command => context.link.api(command)))
  // A callee who is still being rung can't hear it; the A-leg's answer is the message's.
  return taken(outcomes[0]!)
}

/** Makes the switch's answer the message's answer. */
function taken(outcome: CommandOutcome, extra: Record<string, string> = {}): Obeyed {
  return outcome.kind === 'ok' ? ok(extra) : fail(causeOf(outcome))
}

/** Says what happened in words for the backend's developer. */
export function causeOf(outcome: Exclude<CommandOutcome, { kind: 'ok' }>): string {
  switch (outcome.kind) {
    case 'error':
      return isUnknownChannel(outcome.text)
        ? 'the call has ended'
        : `the switch refused: ${answerOf(outcome.text) || outcome.text}`
    case 'timeout':
      return 'the switch did not answer in time; whether it obeyed is unknown'
    case 'lost':
      return 'the connection to the switch was lost; whether it obeyed is unknown'
    case 'busy':
      return 'too many commands wait for the switch'
    default:
      return assertNever(outcome)
  }
}

const noBarger = (bargeId: string | undefined): string =>
  bargeId === undefined ? 'nobody barges in on this call' : 'no barger with this barge_id'

const assertChannel = (channelUuid: string): ChannelUuid => assertAllowed(parseChannelUuid(channelUuid))

/** As a job that was taken out of its list says it. */
const CAUSE_CANCELLED = 'cancelled'

const aLegOf = (call: Call): ChannelUuid => assertAllowed(parseChannelUuid(call.a.channelUuid))

const uuidOf = (barger: Barger): ChannelUuid => assertAllowed(parseChannelUuid(barger.bargeId))
