// Takes over what a dead agent left. First its jobs: one whose call was never claimed goes back to the head of its
// list (and can't be dialled by the dead any more, should it only have been asleep); then its calls on our switch:
// each gets us as its owner, is read back from Redis, compared with the switch, and goes on from there. Many
// survivors may do this at once: every step is won by one of them.

import { messageOf } from '../../base/result.ts'
import { MS_PER_SECOND } from '../../base/units.ts'
import type { AgentCard, AgentDirectory } from '../../redis/agents/directory.ts'
import type { CallRecord } from '../../redis/calls/calls.ts'
import { type AgentContext, hearCall, sayNow, untilWritten } from '../agent/context.ts'
import { type BargeMode, type Barger, type Call, createCall, type LegState, legsOf } from '../call/call.ts'
import { handoverEvent } from '../call/events.ts'
import { answerLeftOver } from '../control/orders.ts'
import { reconcile, reportUnknown } from '../follow/reconcile.ts'
import { parseJob } from '../job/job.ts'
import type { Liveness } from './lease.ts'

export interface TakeoverOptions {
  context: AgentContext
  directory: AgentDirectory
  liveness: Liveness
  leaseMs: number
  /** How often we look for the dead. */
  lookMs: number
  /** Calls of a switch that no agent serves wait this long for one. */
  orphanMaxMs: number
}

/** The dead stay on the directory for a while: a pop that was on its way when its agent died is carried out when it arrives,
 *  and then there is a job in the hands of nobody. */
const LATE_JOBS_MS = 20 * MS_PER_SECOND
const LATE_LOOK_MS = 2 * MS_PER_SECOND

/** Calls taken over at once: their commands fit one write to Redis, and their lookups the switch's queue. */
const AT_ONCE_MAX = 100

export interface Takeover {
  /** Looks for the dead no more. Resolves when what it had begun to take over is taken over. */
  stop(): Promise<void>
}

export function startTakeover(options: TakeoverOptions): Takeover {
  const { context, directory, liveness } = options
  const { log } = context
  /** The dead: when we first saw each of them, and when nothing of it was found last. */
  const deadAgents = new Map<string, { sinceMs: number; emptyAtMs?: number }>()
  let looking: Promise<void> | undefined

  function look(): void {
    if (looking || liveness.steadyForMs() < options.leaseMs) return
    looking = lookForDead().finally(() => {
      looking = undefined
    })
  }

  async function lookForDead(): Promise<void> {
    try {
      const agents = await directory.all()
      for (const [agent, card] of agents) if (!card && agent !== context.agent) await windUp(agent, agents)
      for (const agent of deadAgents.keys()) if (!agents.has(agent)) deadAgents.delete(agent)
    } catch (thrown) {
      log.debug({ reason: messageOf(thrown) }, 'redis away while looking for dead agents')
    }
  }

  async function windUp(dead: string, agents: Map<string, AgentCard | undefined>): Promise<void> {
    const nowMs = context.clock()
    const deadAgent = deadAgents.get(dead) ?? { sinceMs: nowMs }
    if (deadAgent.emptyAtMs !== undefined && nowMs - deadAgent.emptyAtMs < LATE_LOOK_MS) return
    if (!(await directory.declareDead(dead))) return
    deadAgents.set(dead, deadAgent)
    // Jobs before calls: a call that we end here must not leave its job behind, to be dialled again.
    for (const list of context.settings.jobLists) await settleJobs(dead, list)
    const dialIds = await context.store.ownedBy(dead)
    let left = 0
    const windUpCall = async (dialId: string): Promise<void> => {
      const call = await context.store.find(dialId)
      if (!call) await context.store.disown(dialId, dead)
      // Ours already, or it will be known in a moment that it is not.
      else if (context.calls.find(dialId)) left += 1
      else if (isOnOurSwitch(call)) await takeOver(dialId, dead)
      else if (nowMs - deadAgent.sinceMs > options.orphanMaxMs && !isServed(call, agents))
        await giveUp(dialId, dead)
      else left += 1
    }
    // Many at a time: a hundred calls one after another would take longer than their people wait.
    while (dialIds.length > 0) await Promise.all(dialIds.splice(0, AT_ONCE_MAX).map(windUpCall))
    if (left > 0) return
    if (nowMs - deadAgent.sinceMs > LATE_JOBS_MS) await directory.remove(dead)
    else deadAgent.emptyAtMs = context.clock()
  }

  async function settleJobs(dead: string, list: string): Promise<void> {
    for (const text of await context.jobs.inFlight(list, dead)) {
      const job = parseJob(text)
      const dialId = job.ok ? job.value.dialId : undefined
      const isUnclaimed = dialId === undefined || (await context.store.revoke(dialId, dead))
      // A call of that dial id lives: this job's, or another's of whose duplicate the next taker will tell.
      const isItsOwn = !isUnclaimed && (await context.store.find(dialId))?.fields.job === text
      if (isItsOwn) await context.jobs.done(list, text, dead)
      else {
        log.warn({ dialId, dead }, 'job of a dead agent given back to its list')
        await context.jobs.putBack(list, text, dead)
        if (isUnclaimed && dialId !== undefined)
          context.timeline.add(dialId, { what: 'job-returned', from: dead })
      }
    }
  }

  const isOnOurSwitch = ({ fields }: CallRecord): boolean =>
    context.link.isReady &&
    (fields.core === context.link.coreUuid || fields.switch === context.settings.switch.name)

  const isServed = ({ fields }: CallRecord, agents: Map<string, AgentCard | undefined>): boolean =>
    [...agents.values()].some(
      card => card && (card.coreUuid === fields.core || card.switchName === fields.switch),
    )

  async function takeOver(dialId: string, dead: string): Promise<void> {
    const record = await adopt(context, dialId, dead)
    if (!record) return
    context.count('takeovers')
    noteTakeover(context, record, { from: dead, isHandedOver: false })
    await resume(context, record, { isMarked: false })
    log.warn({ dialId, dead }, 'call taken over')
  }

  /** Nobody will ever know: the switch and its agents are gone. */
  async function giveUp(dialId: string, dead: string): Promise<void> {
    const record = await adopt(context, dialId, dead)
    const call = record && recall(record)
    if (!call) return
    context.calls.add(call)
    noteTakeover(context, record, { from: dead, isHandedOver: false })
    reportUnknown(context, call)
  }

  const timer = setInterval(look, options.lookMs)
  return {
    async stop() {
      clearInterval(timer)
      await looking
    },
  }
}

/** Makes a call ours. An answer that was late or lost leaves it open whether it is, and if it is, nobody else looks
 *  after it: so this goes on until it is known. */
export async function adopt(
  context: AgentContext,
  dialId: string,
  from: string,
): Promise<CallRecord | undefined> {
  let record: CallRecord | undefined
  await untilWritten(context, async () => {
    record = await context.store.adopt(dialId, from, context.agent)
  })
  // Declared dead meanwhile, we end soon, and a survivor finds the call under our name.
  while (record && !(await context.mayAct())) await Bun.sleep(MAY_ACT_RETRY_MS)
  return record
}

/** Between two tries to find out whether we still live, while Redis is away. */
const MAY_ACT_RETRY_MS = 200

/** Goes on with a call that is ours now: hears its channel, answers what was left unanswered, and brings the call to
 *  what the switch has of it. @param isMarked the former owner has marked on the channel where our part begins;
 *  otherwise it is dead or asleep, and we do. */
export async function resume(
  context: AgentContext,
  record: CallRecord,
  { isMarked }: { isMarked: boolean },
): Promise<Call | undefined> {
  const call = recall(record)
  if (!call) {
    context.log.error({ dialId: record.dialId }, 'a call in Redis can not be read back')
    return undefined
  }
  const marker = JSON.stringify(handoverEvent(context.agent))
  if (!isMarked) call.awaitedMarker = marker
  context.calls.add(call)
  answerLeftOver(context, call)
  call.listening = hearCall(context, call)
  // In this same turn, or the end of a call that ends just now would be told before it.
  const isOurs = isMarked || mark(context, call, context.agent)
  await call.listening.confirmed
  if (!(await isOurs)) return undefined
  // Not waited for: a switch that answers slowly must not keep other calls from their new owner.
  reconcile(context, call, context.link.coreUuid ?? '').catch(thrown =>
    context.log.error({ dialId: record.dialId, err: thrown }, 'reconciling a call failed'),
  )
  return call
}

/** Says on the call's channel whose part begins. Only its owner may: a marker of somebody who was taken over meanwhile
 *  would drive the true owner away. @returns false when that is us. */
export function mark(context: AgentContext, call: Call, agent: string): Promise<boolean> {
  return new Promise(resolve => {
    call.tasks.run(async () =>
      // Of a call that is over nobody's part begins.
      resolve(!call.isReleased && (await sayNow(context, call, { event: handoverEvent(agent) }))),
    )
  })
}

/** A call as its record tells it. Undefined: the record is damaged. */
export function recall(record: CallRecord): Call | undefined {
  const { fields } = record
  const job = parseJob(fields.job ?? '')
  if (!job.ok) return undefined
  const { list = '', switch: switchName = '' } = fields
  const call = createCall(job.value, { text: fields.job!, list, switchName })
  call.record = record
  // Whether the former owner came to that, the switch has to tell.
  call.isSent = true
  for (const leg of legsOf(call))
    leg.state = (fields[`state.${leg.side}`] as LegState | undefined) ?? 'expected'
  for (const [name, value] of Object.entries(fields)) {
    if (!name.startsWith('barger.')) continue
    const [state, mode] = value.split('/') as [Barger['state'], BargeMode]
    call.bargers.set(name.slice('barger.'.length), { bargeId: name.slice('barger.'.length), state, mode })
  }
  return call
}

/** In the timeline, and in the trace that the former owner began. */
export function noteTakeover(
  context: AgentContext,
  { dialId, fields: { traceparent } }: CallRecord,
  how: { from: string; isHandedOver: boolean },
): void {
  const about = traceparent === undefined ? {} : { traceparent }
  context.timeline.add(dialId, { what: 'taken-over', ...how }, about)
}
