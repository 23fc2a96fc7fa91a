// Hands calls from an agent that stops to another one on the same switch, without losing or doubling a control
// message. Both hear the call's channel for a moment. The leaver publishes a marker there: what stands before it in
// the channel is the leaver's to answer, what stands behind it the successor's. When the leaver has answered all of
// its part, the successor adopts the call in Redis, reads it back, and answers what it has collected since.
//
//   leaver ── prepare ──▶ successor        (agents' inboxes)
//   leaver ◀── ready ──── successor        subscribed, collecting
//   leaver ── marker on the call's channel
//   leaver ── yours ────▶ successor        everything before the marker is answered
//   leaver ◀── taken ──── successor        adopted; the leaver lets go
//
// If the leaver keeps the call after all, or the call ends meanwhile, the successor leaves the channel first (over,
// gone), so that nothing is heard by it alone.

import { assertNever, messageOf } from '../../base/result.ts'
import { MS_PER_SECOND } from '../../base/units.ts'
import type { AgentDirectory } from '../../redis/agents/directory.ts'
import { agentChannel } from '../../redis/keys.ts'
import type { Subscription } from '../../redis/subscriber.ts'
import { type AgentContext, fence, leaveChannel, letGo, settleJob, untilWritten } from '../agent/context.ts'
import type { Call } from '../call/call.ts'
import { handoverEvent } from '../call/events.ts'
import { hearMessage, readMessage } from '../control/messages.ts'
import { answerEarly, answerHeld, hearControl } from '../control/orders.ts'
import { adopt, mark, noteTakeover, resume } from './sweep.ts'

/** Hears the channel of a call that is about to be ours. */
interface Collector {
  /** What it said since the marker. */
  messages: string[]
  listening: Subscription
}

interface Note {
  kind: 'prepare' | 'ready' | 'yours' | 'taken' | 'over' | 'gone'
  dialId: string
  from: string
}

/** A successor that is silent this long is not used; the call stays where it is. */
const ANSWER_TIMEOUT_MS = 2 * MS_PER_SECOND

/** A leaver that lives marks at once when its successor is ready. */
const MARKED_AFTER_MAX_MS = 300

/** Longer than a leaver waits before it asks. */
const TAKEN_NOTED_MS = 30 * MS_PER_SECOND

/** A leaver that has marked waits for the switch's answers first, which take five seconds at most. */
const FORGONE_AFTER_MS = 8 * MS_PER_SECOND

export type Handover = ReturnType<typeof openHandover>

export function openHandover(context: AgentContext, directory: AgentDirectory) {
  const { log, channels } = context
  /** Calls that are about to be ours, by dial id. */
  const collecting = new Map<string, Collector>()
  /** Answers that we wait for, by kind and dial id. */
  const awaited = new Map<string, (isAnswered: boolean) => void>()
  /** Calls that we take or took, each with its leaver: one who did not hear of that asks again. */
  const taking = new Map<string, Promise<boolean>>()
  let isLeaving = false

  async function noteTaking(name: string, isTaken: Promise<boolean>): Promise<void> {
    taking.set(name, isTaken)
    setTimeout(() => taking.delete(name), TAKEN_NOTED_MS).unref()
    await isTaken
  }

  const tell = (agent: string, kind: Note['kind'], dialId: string) =>
    context.store.publish(
      agentChannel(agent),
      JSON.stringify({ kind, dialId, from: context.agent } satisfies Note),
    )

  /** @returns whether the answer came. */
  function answerTo(kind: string, dialId: string, from: string): Promise<boolean> {
    const key = keyOf(kind, dialId, from)
    return new Promise(resolve => {
      const settle = (isAnswered: boolean) => {
        awaited.delete(key)
        clearTimeout(timer)
        resolve(isAnswered)
      }
      const timer = setTimeout(() => settle(false), ANSWER_TIMEOUT_MS)
      awaited.set(key, settle)
    })
  }

  async function hear(text: string): Promise<void> {
    const { kind, dialId, from } = JSON.parse(text) as Note
    switch (kind) {
      case 'prepare':
        return prepare(dialId, from)
      case 'yours':
        return noteTaking(`${dialId} ${from}`, take(dialId, from))
      case 'over': {
        await forgo(dialId, collecting.get(dialId))
        // What goes wrong after the call is ours is no reason to give it back.
        const isTaken = await taking.get(`${dialId} ${from}`)?.catch(() => true)
        await tell(from, isTaken ? 'taken' : 'gone', dialId)
        return
      }
      case 'gone':
        return awaited.get(keyOf('taken', dialId, from))?.(false)
      case 'ready': {
        const isAwaited = awaited.get(keyOf('ready', dialId, from))
        if (isAwaited) return isAwaited(true)
        // Late: should we be cut off now, it would hear alone what is said to us.
        await tell(from, 'over', dialId)
        return
      }
      case 'taken':
        return awaited.get(keyOf('taken', dialId, from))?.(true)
      default:
        return assertNever(kind)
    }
  }

  async function prepare(dialId: string, from: string): Promise<void> {
    if (isLeaving || !context.link.isReady || context.calls.find(dialId)) return
    const marker = JSON.stringify(handoverEvent(context.agent))
    const messages: string[] = []
    let isMarked = false
    const listening = channels.listen(dialId, {
      onMessage(message) {
        if (message !== marker) return void messages.push(message)
        messages.length = 0
        isMarked = true
      },
    })
    const collector = { messages, listening }
    collecting.set(dialId, collector)
    await listening.confirmed
    // The leaver itself hears nothing now: it asked a while ago, and lost its connection meanwhile.
    if (!(await tell(from, 'ready', dialId))) return forgo(dialId, collector)
    // Until it marks what is said is not ours to answer, and whoever says it counts on us already.
    setTimeout(() => isMarked || void forgo(dialId, collector), MARKED_AFTER_MAX_MS)
    setTimeout(() => void forgo(dialId, collector), FORGONE_AFTER_MS)
  }

  /** The leaver changed its mind, or died; then the call is taken over as any dead agent's. */
  async function forgo(dialId: string, collector: Collector | undefined): Promise<void> {
    if (!collector || collecting.get(dialId) !== collector) return
    collecting.delete(dialId)
    await leaveChannel(context, collector.listening)
  }

  /** @returns whether it is ours now. */
  async function take(dialId: string, from: string): Promise<boolean> {
    const collector = collecting.get(dialId)
    // Not if we stop ourselves: it stays where it is.
    if (!collector || isLeaving) {
      await forgo(dialId, collector)
      await tell(from, 'gone', dialId)
      return false
    }
    // From here on it is no more the timer's to give up.
    collecting.delete(dialId)
    const record = await adopt(context, dialId, from)
    if (!record) {
      await leaveChannel(context, collector.listening)
      return false
    }
    noteTakeover(context, record, { from, isHandedOver: true })
    const resumed = resume(context, record, { isMarked: true })
    const call = context.calls.find(dialId)
    // In the turn in which the call's own listener took the collector's place: nothing falls between.
    if (call) for (const message of collector.messages) hearControl(context, call, message)
    void leaveChannel(context, collector.listening)
    await tell(from, 'taken', dialId)
    log.info({ dialId, from }, 'call handed over to us')
    await resumed
    return true
  }

  async function handOver(call: Call, successor: string): Promise<void> {
    // Broken since we looked: the successor would hear, before its part begins, what we don't. The next offer is soon.
    if (!channels.isWhole) return
    const { promise: marked, resolve: onMarker } = Promise.withResolvers<void>()
    call.handover = { marker: JSON.stringify(handoverEvent(successor)), onMarker, held: [] }
    let isTaken = false
    try {
      isTaken = await offer(call, successor, marked)
    } catch (thrown) {
      log.warn({ dialId: call.record.dialId, reason: messageOf(thrown) }, 'call not handed over: kept')
    }
    if (!isTaken) isTaken = await isTakenAfterAll(call, successor)
    if (!isTaken) return takeBack(call)
    call.isFenced = true
    context.timeline.add(call.record.dialId, { what: 'handed-over', to: successor })
    letGo(context, call)
  }

  /** @returns whether the successor says that it has it. */
  async function offer(call: Call, successor: string, marked: Promise<void>): Promise<boolean> {
    const { dialId } = call.record
    const ready = answerTo('ready', dialId, successor)
    await tell(successor, 'prepare', dialId)
    if (!(await ready) || call.isEnding || !channels.isWhole) return false
    if (!(await mark(context, call, successor))) return false
    await Promise.race([marked, Bun.sleep(ANSWER_TIMEOUT_MS)])
    await call.tasks.idle()
    // Ours to settle: the successor knows its own in-flight list only.
    await settleJob(context, call)
    // It has ended meanwhile: nothing is left to be taken.
    if (call.isReleased) return false
    const taken = answerTo('taken', dialId, successor)
    await tell(successor, 'yours', dialId)
    return taken
  }

  /** The successor shall listen no more, while we still do: what is said from now on is heard by us. */
  async function isTakenAfterAll(call: Call, successor: string): Promise<boolean> {
    const { dialId } = call.record
    const taken = answerTo('taken', dialId, successor)
    await tell(successor, 'over', dialId).catch(() =>
      log.debug('redis is away: the successor forgoes by itself'),
    )
    if (await taken) return true
    const owner = await ownerOf(dialId)
    // Over, and not by us: the only one that can have had it said nothing.
    if (!owner) return !call.isReleased
    if (owner.fence === call.record.fence) return false
    const isBySuccessor = owner.agent === successor || owner.fence > call.record.fence + 1
    // Somebody who took us for dead has not heard what we heard.
    if (!isBySuccessor) fence(context, call)
    return isBySuccessor
  }

  async function ownerOf(dialId: string): ReturnType<AgentContext['store']['owner']> {
    let owner: Awaited<ReturnType<AgentContext['store']['owner']>>
    await untilWritten(context, async () => {
      owner = await context.store.owner(dialId)
    })
    return owner
  }

  /** What came behind the marker is ours again. */
  function takeBack(call: Call): void {
    const held = call.handover?.held ?? []
    call.handover = undefined
    for (const message of held) hearControl(context, call, message)
    if (call.isReleased) letGo(context, call, { isHeardToTheEnd: true })
  }

  const inbox = agentChannel(context.agent)
  channels.listen(inbox, {
    onMessage: text =>
      void hear(text).catch(thrown => log.warn({ reason: messageOf(thrown) }, 'hand-over failed')),
  })

  return {
    /** Gives our calls to the agents that stay. Those that nobody takes stay with us, until this is tried again. */
    async leave(): Promise<void> {
      isLeaving = true
      // A successor listens before its part begins: what it hears until then must be heard by us too.
      await channels.whole()
      const cards = [...(await directory.all()).values()]
      const successors = cards.filter(
        card =>
          card && card.agent !== context.agent && !card.isDraining && card.coreUuid === context.link.coreUuid,
      )
      if (successors.length === 0) return
      await Promise.all(
        context.calls
          .all()
          .filter(call => !call.isFenced && !call.isEnding)
          .map((call, index) => handOver(call, successors[index % successors.length]!.agent)),
      )
    },
  }
}

const keyOf = (kind: string, dialId: string, from: string): string => `${kind} ${dialId} ${from}`

/** Who answers a message while a call changes hands. @returns true when it is not ours to act on, now or at all. */
export function isForAnother(context: AgentContext, call: Call, message: string): boolean {
  const { handover } = call
  // Another's part has begun.
  if (call.endedBy) return true
  if (call.awaitedMarker !== undefined && !isMarker(message)) {
    const heard = hearMessage(message)
    if (heard.kind !== 'own' && call.early.push(heard.to) > EARLY_MAX) call.early.shift()
    return true
  }
  if (isMarker(message) && message !== handover?.marker) {
    const agent = markerOf(message)
    if (call.awaitedMarker !== undefined) answerEarly(context, call, agent)
    call.awaitedMarker = undefined
    // Our own: our part begins. Told again, or heard late, nothing does.
    if (message === JSON.stringify(handoverEvent(context.agent))) return true
    // One that we know nothing of: we were asleep and taken for dead, and here the new owner's part begins.
    fence(context, call)
    letGo(context, call)
    if (handover) answerHeld(context, call, handover.held)
    call.endedBy ??= { agent, heard: call.heard }
    return true
  }
  if (!handover) return false
  if (handover.isMarked) {
    handover.held.push(message)
    return true
  }
  if (message !== handover.marker) return false
  handover.isMarked = true
  handover.onMarker()
  return true
}

/** Messages between our subscription and our marker, which follows at once. */
const EARLY_MAX = 200

const isMarker = (message: string): boolean => message.startsWith('{"type":"handover-event"')

/** The agent whose part begins. Anybody may publish there, and what merely looks like a marker names nobody. */
function markerOf(message: string): string {
  const read = readMessage(message)
  return read.ok ? String(read.value.agent) : ''
}
