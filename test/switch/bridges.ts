// Two legs joined, or about to be. Keeps the recorded order of events at the join and at every way it can end. The
// bridge application, which rings the second leg first, is here too; uuidBridge.ts joins two legs that are up.

import { fireExecute, fireExecuteComplete } from './applications.ts'
import {
  nameEachOther,
  noteAttempt,
  noteOtherEnding,
  noteOutcome,
  noteRefusal,
  noteSecondLeg,
  ownCall,
  showCallee,
  standAlone,
  tellDisplay,
} from './bridgeNotes.ts'
import { type Application, type Channel, type RingOutcome, shownToOther } from './channel.ts'
import { fireChannelEvent } from './channelEvents.ts'
import { parseDialString } from './dialString.ts'
import type { Exchange } from './exchange.ts'
import { ringAll } from './forks.ts'
import { completeHangup, hangup, hangupWith, letGo } from './hangups.ts'
import { forbiddenVariables, type Hazard } from './injections.ts'
import { answer, RING_SECONDS_DEFAULT, ringLeg } from './legs.ts'
import { park } from './parking.ts'
import { playNext } from './playback.ts'
import { setDetails, sharedMedia } from './sipDetails.ts'

/** Causes of the second leg that don't end the first one with them: after these its dialplan goes on, and ends
 *  (switch_channel_handle_cause; measured for NO_ANSWER and NO_USER_RESPONSE). */
const KEPT_FROM_A = new Set(['NO_ANSWER', 'NO_USER_RESPONSE', 'ORIGINATOR_CANCEL'])

/** The bridge application: rings the second leg for a leg that has answered, and joins the two when it answers. */
export function runBridge(
  exchange: Exchange,
  a: Channel,
  data: string,
  onHazard: (hazard: Hazard) => void,
): void {
  const application = fireExecute(exchange, a, 'bridge', data)
  a.application = application
  noteAttempt(a)
  const hazards: Hazard[] = []
  const dial = parseDialString(data, hazards)
  if (dial) hazards.push(...forbiddenVariables(dial, exchange.settings.allowedVariables))
  for (const hazard of hazards) onHazard(hazard)
  const timeoutSeconds = Number(a.variables.text('call_timeout') ?? RING_SECONDS_DEFAULT)
  if (dial && dial.further.length > 0) {
    const order = { dial, parent: a, timeoutSeconds, isForeign: a.isForeign }
    return ringAll(exchange, order, {
      answered: b => wait(exchange, { a, b, application }).answered(),
      failed: (cause, b) => endAlone(exchange, a, { application, b, cause }),
    })
  }
  const rung = dial
    ? ringLeg(exchange, { dial, parent: a, timeoutSeconds, isForeign: a.isForeign }, b =>
        wait(exchange, { a, b, application }),
      )
    : { cause: 'DESTINATION_OUT_OF_ORDER' }
  if ('cause' in rung) endAlone(exchange, a, { application, b: undefined, cause: rung.cause })
}

/** Nobody answers for the second leg, and no bridge was begun. */
function endAlone(
  exchange: Exchange,
  a: Channel,
  { application, b, cause }: { application: Application; b: Channel | undefined; cause: string },
): void {
  if (a.isEnding) return
  noteOutcome(a, b, cause)
  hangupWith(exchange, a, b && KEPT_FROM_A.has(cause) ? 'NORMAL_CLEARING' : cause)
  letGo(a)
  a.application = undefined
  fireExecuteComplete(exchange, a, application)
  completeHangup(exchange, a)
}

function wait(exchange: Exchange, legs: { a: Channel; b: Channel; application: Application }): RingOutcome {
  const { a, b } = legs
  const bridge = new Bridge(exchange, legs)
  noteSecondLeg(a, b)
  const join = (): void => {
    if (bridge.isTalking || a.isEnding) return
    // Who dialled in has heard ringing so far.
    if (!a.isAnswered && a.profile.logicalDirection === 'inbound') answer(exchange, a)
    a.variables.delete('originate_signal_bond')
    showCallee(a, b)
    a.other = { type: 'originatee', profile: shownToOther(b.profile) }
    setDetails(exchange, a, () => sharedMedia(b.profile.times.progressMedia > 0))
    noteOutcome(a, b, 'SUCCESS')
    a.variables.set('signal_bond', b.uuid)
    bridge.join()
  }
  return {
    ringing: () => {
      showCallee(a, b)
      a.callState = 'RING_WAIT'
    },
    earlyMedia: () => {
      a.profile.times.progressMedia = exchange.nowMicros()
      if (!a.variables.isTrue('ignore_early_media')) join()
    },
    answered: () => (bridge.isTalking ? bridge.tellSecondDisplay() : join()),
    // A second leg that fails is wound up with the bridge that it was meant for.
    failed: () => {},
  }
}

export class Bridge {
  readonly #exchange: Exchange
  /** The leg whose events tell of the bridge. */
  readonly a: Channel
  readonly b: Channel
  isTalking = false
  #application: Application | undefined
  #isOver = false

  /** @param legs the application is leg a's, when the bridge application made this bridge. */
  constructor(exchange: Exchange, legs: { a: Channel; b: Channel; application?: Application }) {
    this.#exchange = exchange
    this.a = legs.a
    this.b = legs.b
    this.#application = legs.application
    legs.a.bridge = this
    legs.b.bridge = this
  }

  other(leg: Channel): Channel {
    return leg === this.a ? this.b : this.a
  }

  /** Lets the two talk. BRIDGE is fired once, for leg a. */
  join(): void {
    const { a, b } = this
    const exchange = this.#exchange
    this.isTalking = true
    a.callState = 'ACTIVE'
    a.profile.times.bridged = exchange.nowMicros()
    this.#fire('CHANNEL_BRIDGE')
    b.profile.times.bridged = a.profile.times.bridged
    b.enter('CS_EXCHANGE_MEDIA')
    nameEachOther(a, b)
    tellDisplay(a, { name: b.profile.calleeIdName, number: b.profile.calleeIdNumber })
    if (b.isAnswered) this.tellSecondDisplay()
    if (!a.isForeign) {
      exchange.plant.records.add({ kind: 'bridge', channelUuid: a.uuid, otherUuid: b.uuid, dialId: a.dialId })
    }
    playNext(exchange, a)
    playNext(exchange, b)
  }

  /** Also told when a leg answers that has been joined for its early media. */
  tellSecondDisplay(): void {
    const { callerIdName, callerIdNumber } = this.a.profile
    tellDisplay(this.b, { name: callerIdName, number: callerIdNumber })
  }

  /** Ends the bridge after one of its legs has been announced as hung up. */
  windUp(first: Channel): void {
    if (this.#isOver) return
    this.#isOver = true
    if (this.isTalking) {
      if (first === this.a) this.#originatorLeft()
      else this.#originateeLeft()
    } else if (first === this.a) this.#originatorGaveUp()
    else this.#originateeFailed()
  }

  /** Takes a leg out of the bridge alive, for another bridge or to be parked. The one left behind parks too if it
   *  was told to, and is hung up otherwise. */
  release(leg: Channel): void {
    if (this.#isOver) return
    this.#isOver = true
    const exchange = this.#exchange
    const left = this.other(leg)
    if (this.isTalking) this.#unbridge('NORMAL_CLEARING')
    this.#part()
    this.#completeApplication()
    leg.playback?.end('break')
    if (this.isTalking && left.variables.isTrue('park_after_bridge')) this.#parkLeft(left)
    else
      hangup(exchange, left, {
        cause: this.isTalking ? 'NORMAL_CLEARING' : 'ORIGINATOR_CANCEL',
        by: 'switch',
      })
  }

  #originatorGaveUp(): void {
    const { a, b } = this
    const exchange = this.#exchange
    b.variables.set('last_bridge_hangup_cause', a.ending!.cause)
    hangupWith(exchange, b, 'ORIGINATOR_CANCEL')
    noteOutcome(a, b, 'ORIGINATOR_CANCEL')
    this.#part()
    letGo(b)
    letGo(a)
    this.#completeApplication()
    completeHangup(exchange, b)
    completeHangup(exchange, a)
  }

  #originateeFailed(): void {
    const { a, b } = this
    const exchange = this.#exchange
    const { cause } = b.ending!
    a.callState = 'ACTIVE'
    letGo(b)
    completeHangup(exchange, b)
    noteRefusal(a, b, cause)
    noteOutcome(a, b, cause)
    this.#part()
    hangupWith(exchange, a, KEPT_FROM_A.has(cause) ? 'NORMAL_CLEARING' : cause)
    letGo(a)
    this.#completeApplication()
    completeHangup(exchange, a)
  }

  // When the second leg is reported is a race; by phone and by command the recordings mostly differ as below.
  #originatorLeft(): void {
    const { a, b } = this
    const exchange = this.#exchange
    const { cause, by } = a.ending!
    const wasShutDown = b.isEnding
    const usual = by === 'phone' && this.#application ? 'between' : 'first'
    const turn = wasShutDown ? 'last' : exchange.turnOfSecondLeg(usual)
    const isParking = !wasShutDown && b.variables.isTrue('park_after_bridge')
    const completeIf = (isTurn: boolean, change?: () => void): void => {
      if (isTurn && !isParking) completeHangup(exchange, b, change)
    }
    b.variables.delete('bridge_to')
    if (!wasShutDown) noteOtherEnding(b, a)
    if (isParking) this.#parkLeft(b)
    else {
      hangupWith(exchange, b, 'NORMAL_CLEARING')
      letGo(b)
    }
    completeIf(turn === 'first')
    letGo(a)
    this.#unbridge(isParking ? undefined : cause)
    this.#part()
    this.#completeApplication()
    completeIf(turn === 'between', () => standAlone(b, cause))
    completeHangup(exchange, a)
    if (turn === 'last') standAlone(b, cause)
    completeIf(turn === 'last')
  }

  #originateeLeft(): void {
    const { a, b } = this
    const exchange = this.#exchange
    const { cause, by } = b.ending!
    const turn = exchange.turnOfSecondLeg(by === 'phone' ? 'first' : 'last')
    letGo(b)
    b.variables.delete('bridge_to')
    if (turn === 'first') completeHangup(exchange, b)
    letGo(a)
    noteOtherEnding(a, b)
    this.#unbridge(cause)
    this.#part()
    this.#completeApplication()
    if (turn !== 'first') ownCall(b)
    if (turn === 'between') completeHangup(exchange, b)
    if (!a.isEnding && a.variables.isTrue('park_after_bridge')) park(exchange, a)
    else {
      hangupWith(exchange, a, 'NORMAL_CLEARING')
      completeHangup(exchange, a)
    }
    if (turn === 'last') completeHangup(exchange, b)
  }

  #parkLeft(leg: Channel): void {
    leg.playback?.end('break')
    leg.callUuid = this.a.uuid
    park(this.#exchange, leg)
    standAlone(leg, 'NORMAL_CLEARING')
  }

  #unbridge(cause: string | undefined): void {
    for (const leg of [this.a, this.b]) leg.variables.delete('bridge_to')
    if (cause) this.a.variables.set('bridge_hangup_cause', cause)
    this.#fire('CHANNEL_UNBRIDGE')
  }

  #fire(name: string): void {
    const { a, b } = this
    fireChannelEvent(this.#exchange, name, a, {
      first: ['Bridge-A-Unique-ID', a.uuid, 'Bridge-B-Unique-ID', b.uuid],
    })
  }

  #part(): void {
    this.a.bridge = undefined
    this.b.bridge = undefined
  }

  #completeApplication(): void {
    if (!this.#application) return
    this.a.application = undefined
    fireExecuteComplete(this.#exchange, this.a, this.#application)
  }
}
