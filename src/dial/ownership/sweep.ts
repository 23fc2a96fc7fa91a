// Compares the calls that we hold with those that Redis says are ours, again and again, so that a lost message does no harm.
// A call that is ours and not held: go on with it. Held and not ours: leave it. Owned by a dead agent of our switch: move
// it to us. Several survivors may do this at once: each step succeeds for one of them.

import { messageOf } from '../../base/result.ts'
import { MS_PER_SECOND } from '../../base/units.ts'
import type { AgentDirectory, Agents } from '../../redis/agents/directory.ts'
import type { CallRecord } from '../../redis/calls/calls.ts'
import { RedisUnavailable } from '../../redis/connect.ts'
import { tellBug } from '../agent/bugs.ts'
import type { AgentContext } from '../agent/context.ts'
import type { Call } from '../call/call.ts'
import { handoverEvent } from '../call/events.ts'
import { leave, leaveChannel } from '../call/leave.ts'
import { isOurs, restore, storeOf, untilWritten } from '../call/publish.ts'
import type { SwitchChannel } from '../control/switchChannel.ts'
import { compareWithSwitch, reportUnknown } from '../follow/reconcile.ts'
import { parseJob } from '../job/job.ts'
import type { Liveness } from './lease.ts'
import { noteTakeover, recall, resume } from './resume.ts'
import type { Successor } from './successor.ts'

export interface SweepOptions {
  context: AgentContext
  directory: AgentDirectory
  successor: Successor
  switchChannel: SwitchChannel
  /** All agents were looked at, and whose channel the switch's is. */
  onLook: (agents: Agents) => void
  liveness: Liveness
  leaseMs: number
  /** How often we look for dead agents. */
  lookMs: number
  /** Calls of a switch that no agent serves wait this long for one. */
  orphanMaxMs: number
}

/** Between two looks at what is ours; whoever hands something over to us tells us so. */
const OWN_LOOK_MS = 2.5 * MS_PER_SECOND

/** An agent that is new is looked at after this at the latest. */
const NAMES_LOOK_MS = 3 * MS_PER_SECOND

/** Dead agents stay in the directory for a while: a pop that was on its way when its agent died is carried out when it
 *  arrives, and then there is a job in the hands of nobody. */
const LATE_JOBS_MS = 20 * MS_PER_SECOND
const LATE_LOOK_MS = 2 * MS_PER_SECOND

/** Calls taken over at once: their commands fit one write to Redis, and their lookups the switch's queue. */
const AT_ONCE_MAX = 100

export interface Sweep {
  /** Looks at what is ours now: we were told that something has changed. */
  poke(): void
  /** Resolves when we hold all that is ours by Redis, or Redis is away. Never rejects. */
  holdOwn(): Promise<void>
  /** Takes nothing more over. Resolves when what it had begun is taken over; what is ours is looked at further on. */
  stopTakingOver(): Promise<void>
  stop(): void
}

export function startSweep(options: SweepOptions): Sweep {
  const { context, directory, successor, liveness } = options
  const { log, store } = context
  /** Dead agents: when we first saw each of them, and when nothing of it was found last. */
  const dead = new Map<string, { sinceMs: number; emptyAtMs?: number }>()
  /** Calls that are ours and will be held in a moment. */
  const resuming = new Set<string>()
  let names: readonly string[] = []
  let namesAtMs = Number.NEGATIVE_INFINITY

  const lookForDead = once(async () => {
    if (liveness.steadyForMs() < options.leaseMs) return
    if (performance.now() - namesAtMs > NAMES_LOOK_MS) {
      names = await directory.names()
      namesAtMs = performance.now()
    }
    const agents = await directory.look(names)
    await options.switchChannel.look(agents)
    options.onLook(agents)
    for (const [agent, card] of agents)
      if (!card && agent !== context.agent) await guard(() => takeOverFrom(agent, agents))
    for (const agent of dead.keys()) if (!agents.has(agent)) dead.delete(agent)
  })

  const lookAtOwn = once(async () => {
    // If we were declared dead, the survivors take what stands under our name.
    if (!(await context.mayAct())) return
    const ours = new Set(await store.ownedBy(context.agent))
    const held = context.calls
      .all()
      .filter(call => (call.isSent || call.waking) && !ours.has(call.record.dialId))
    await Promise.all([
      ...[...ours].filter(dialId => !context.calls.find(dialId)).map(goOnWith),
      ...held.map(call => guard(() => checkHeld(call))),
    ])
  })

  const takeIfOurs = () =>
    guard(takeSwitchChannel).catch(() => log.debug('redis is away: the next look sees it'))

  /** The channel of our switch, handed over to us. */
  async function takeSwitchChannel(): Promise<void> {
    const { coreUuid = '' } = context.link
    const collected = await successor.collected(coreUuid)
    if (!collected) return
    const record = await context.switchChannels.find(coreUuid)
    if (record?.owner === context.agent) options.switchChannel.take(record, collected)
  }

  /** Goes on with calls that are ours and not held. */
  async function goOnWith(dialId: string): Promise<void> {
    if (resuming.has(dialId)) return
    resuming.add(dialId)
    const goOn = guard(async () => {
      const record = await store.find(dialId)
      if (record?.owner !== context.agent) return store.disown(dialId, context.agent)
      const collected = await successor.collected(dialId)
      if (context.calls.find(dialId)) return
      if (collected) noteTakeover(context, record, { from: collected.from, isHandedOver: true })
      if (resume(context, record, collected)) log.info({ dialId }, 'call handed over to us')
    })
    // Also when Redis was away: the next look tries again.
    await goOn.finally(() => resuming.delete(dialId))
  }

  /** Asks Redis about a call that we hold and that was not among ours at the last look. */
  async function checkHeld(call: Call): Promise<void> {
    const standing = await store.standing(call.record)
    if (call.isEnding || call.ownership !== 'held') return
    if (standing === 'fenced') leave(context, call)
    if (standing === 'lost') call.tasks.run(() => writeAgain(call))
  }

  /** Runs in the call's own order, so that it can't undo an event that is published meanwhile. */
  async function writeAgain(call: Call): Promise<void> {
    try {
      if (call.ownership !== 'held' || (await store.standing(call.record)) !== 'lost') return
      if (await context.isAlive()) await restore(context, call)
    } catch (thrown) {
      if (!(thrown instanceof RedisUnavailable)) throw thrown
      log.debug({ reason: messageOf(thrown) }, 'redis is away again: the next look sees it')
    }
  }

  async function takeOverFrom(agent: string, agents: Agents): Promise<void> {
    const nowMs = performance.now()
    const found = dead.get(agent) ?? { sinceMs: nowMs }
    if (found.emptyAtMs !== undefined && nowMs - found.emptyAtMs < LATE_LOOK_MS) return
    if (!(await directory.declareDead(agent))) return
    dead.set(agent, found)
    // Jobs come before calls: the job of a call that we end here would otherwise go back to its list and be dialled again.
    for (const list of context.settings.jobLists) await settleJobs(agent, list)
    const dialIds = await store.ownedBy(agent)
    let left = 0
    for (const coreUuid of await context.switchChannels.ownedBy(agent))
      await guard(async () => {
        const channel = await context.switchChannels.find(coreUuid)
        if (channel?.owner !== agent) return context.switchChannels.disown(coreUuid, agent)
        // One whose switch has started anew meanwhile has no agents any more.
        const isFormer = coreUuid !== context.link.coreUuid && isOnOurSwitch(channel)
        if (isFormer || isOrphan(channel, agents, nowMs - found.sinceMs))
          return options.switchChannel.settle(agent, coreUuid)
        left += 1
      })
    const takeOne = async (dialId: string): Promise<void> => {
      const call = await store.find(dialId)
      if (call?.owner !== agent) return store.disown(dialId, agent)
      if (isOnOurSwitch(call)) return takeOver(dialId, agent)
      if (isOrphan(call, agents, nowMs - found.sinceMs)) return giveUp(dialId, agent)
      left += 1
    }
    // Many at a time: a hundred calls one after another would take longer than their people wait.
    while (dialIds.length > 0)
      await Promise.all(dialIds.splice(0, AT_ONCE_MAX).map(dialId => guard(() => takeOne(dialId))))
    if (left > 0) return
    if (nowMs - found.sinceMs > LATE_JOBS_MS) await directory.remove(agent)
    else found.emptyAtMs = performance.now()
  }

  async function settleJobs(agent: string, list: string): Promise<void> {
    for (const text of await context.jobs.inFlight(list, agent))
      await guard(() => settleJob(text, list, agent))
  }

  async function settleJob(text: string, list: string, agent: string): Promise<void> {
    const job = parseJob(text)
    const dialId = job.ok ? job.value.dialId : undefined
    const isUnclaimed = dialId === undefined || (await store.revoke(dialId, agent))
    // A call of that dial id lives: this job's, or another's of whose duplicate the next taker will tell.
    const isItsOwn = !isUnclaimed && (await store.find(dialId))?.fields.job === text
    if (isItsOwn) return context.jobs.done(list, text, agent)
    log.warn({ dialId, agent }, 'job of a dead agent given back to its list')
    await context.jobs.putBack(list, text, { holder: agent })
    if (isUnclaimed && dialId !== undefined)
      context.timeline.add(dialId, { what: 'job-returned', from: agent })
  }

  const isOnOurSwitch = ({ fields }: CallRecord): boolean =>
    context.link.isReady &&
    (fields.core === context.link.coreUuid || fields.switch === context.settings.switch.name)

  /** No agent has served its switch for long. */
  const isOrphan = ({ fields }: CallRecord, agents: Agents, deadForMs: number): boolean =>
    deadForMs > options.orphanMaxMs &&
    ![...agents.values()].some(
      card => card && (card.coreUuid === fields.core || card.switchName === fields.switch),
    )

  /** An answer that was late or lost leaves it open whether the call is ours; so this goes on until it is known. */
  async function moveToUs(dialId: string, from: string): Promise<CallRecord | undefined> {
    const marker = JSON.stringify(handoverEvent(context.agent))
    return untilWritten(context, () => store.move(dialId, { from, to: context.agent, marker }))
  }

  async function takeOver(dialId: string, from: string): Promise<void> {
    if (context.calls.find(dialId) || resuming.has(dialId)) return
    resuming.add(dialId)
    try {
      // Heard before the channel is told of us.
      await successor.collect(dialId, false, from)
      const record = await moveToUs(dialId, from)
      if (!record || context.calls.find(dialId)) return successor.forgo(dialId)
      context.count('takeovers')
      noteTakeover(context, record, { from, isHandedOver: false })
      const collected = await successor.collected(dialId)
      const call = resume(context, record, collected)
      await call?.listening?.confirmed
      // Declared dead meanwhile, we end soon, and a survivor finds the call under our name.
      if (call && (await isOurs(context, call))) log.warn({ dialId, dead: from }, 'call taken over')
    } finally {
      resuming.delete(dialId)
    }
  }

  /** The switch and its agents are gone, so nobody will know what became of the call. */
  async function giveUp(dialId: string, from: string): Promise<void> {
    const record = await moveToUs(dialId, from)
    const call = record && recall(context, record)
    if (!call) return
    context.calls.add(call)
    noteTakeover(context, record, { from, isHandedOver: false })
    reportUnknown(context, call)
  }

  /** A mistake with one call or agent is logged, and does not stop the others. */
  async function guard(work: () => Promise<unknown>): Promise<void> {
    try {
      await work()
    } catch (thrown) {
      if (thrown instanceof RedisUnavailable) throw thrown
      tellBug(context, 'takeover', thrown)
    }
  }

  /** One at a time, and again at once if it was asked for meanwhile. */
  function once(work: () => Promise<void>) {
    let running: Promise<void> | undefined
    let isWanted = false
    const run = (): Promise<void> => {
      if (running) {
        isWanted = true
        return running
      }
      running = work()
        .catch(thrown => {
          if (thrown instanceof RedisUnavailable)
            log.debug({ reason: messageOf(thrown) }, 'redis away while looking at the calls')
          else tellBug(context, 'takeover', thrown)
        })
        .finally(() => {
          running = undefined
          if (isWanted) void run()
          isWanted = false
        })
      return running
    }
    return Object.assign(run, { settled: () => running })
  }

  const timers = [
    setInterval(() => void lookForDead(), options.lookMs),
    setInterval(() => void lookAtOwn(), OWN_LOOK_MS),
    setInterval(() => void compareWithSwitch(context), context.settings.compareMs),
  ]
  return {
    poke() {
      void lookAtOwn()
      void takeIfOurs()
    },
    async holdOwn() {
      // One that runs may have looked too early.
      await lookAtOwn.settled()
      await Promise.all([lookAtOwn(), takeIfOurs()])
    },
    async stopTakingOver() {
      clearInterval(timers[0])
      await lookForDead.settled()
    },
    stop() {
      for (const timer of timers) clearInterval(timer)
    },
  }
}

/** After a gap in the subscription: messages of that time are lost, markers among them. Calls that another agent owns by now
 *  are left before anything new is heard. */
export async function lookAfterGap(context: AgentContext): Promise<void> {
  await untilWritten(context, async () => {
    const holdings = [...context.hearing].filter(each => each.ownership === 'held')
    // If we were declared dead, all of them are left already; otherwise Redis is asked.
    if (!(await context.mayAct()) && holdings.some(each => each.ownership === 'held'))
      throw new RedisUnavailable('our lease is not known')
    const standings = await Promise.all(holdings.map(each => storeOf(context, each).standing(each.record)))
    for (const [index, holding] of holdings.entries())
      if (standings[index] === 'fenced') leave(context, holding, { isGone: true })
  })
  // Calls that we left a moment ago are heard only for messages that waited in our socket, which is gone.
  for (const { ownership, listening } of context.hearing)
    if (ownership === 'left') void leaveChannel(context, listening, { isHeardToTheEnd: true })
}
