// The state of dialled calls in Redis, and everything that is published about them. One agent owns a call; each of
// its writes carries the call's fence number, so that an owner which was taken over can't publish any more. The
// wire's own lists (active sides, history) are kept in the same step, or right after it in a Cluster, where their
// names put them on other slots.
import type { RedisConnection } from '../connect.ts'
import {
  activeCallKey,
  type CallOwnerIds,
  callKey,
  callOverKey,
  historyKey,
  ownedCallsKey,
  revokedKey,
  saidKey,
} from '../keys.ts'
import { bindScript, isCluster, reachable, type ScriptArgument } from '../scripts.ts'
import callAdoptLua from './callAdopt.lua' with { type: 'text' }
import callClaimLua from './callClaim.lua' with { type: 'text' }
import callEventLua from './callEvent.lua' with { type: 'text' }
import callNoteLua from './callNote.lua' with { type: 'text' }
import callReleaseLua from './callRelease.lua' with { type: 'text' }
import callRevokeLua from './callRevoke.lua' with { type: 'text' }
import publishOnceLua from './publishOnce.lua' with { type: 'text' }

/** An active call is forgotten after a day, a history after four hours: redswitch's own figures. */
const ACTIVE_EXPIRY_SECONDS = 86_400
const HISTORY_EXPIRY_SECONDS = 14_400

/** A call's record outlives every call that people make; a record that is older was forgotten by everybody. */
const CALL_EXPIRY_MS = ACTIVE_EXPIRY_SECONDS * 1_000

/** A paused agent that comes back later than this has lost its job's dial id to time anyway (JOB_MAX_AGE). */
const REVOKED_EXPIRY_MS = 24 * 60 * 60 * 1_000

/** Longer than anybody goes on trying to say one thing in vain and then succeeds twice. */
const SAID_EXPIRY_MS = 10 * 60 * 1_000

/** What is known of a call from its claim on. `fields` are the dial room's own, read back by whoever takes over. */
export interface CallRecord extends CallOwnerIds {
  fence: number
  /** How many steps were written; each has a number, so that one sent twice is done once. */
  steps: number
  fields: Record<string, string>
}

/** One step of a call: an event to publish, and what changes with it. */
export interface CallStep {
  /** Counts from 1 in each call. */
  number: number
  /** The event's JSON. Undefined: only the fields change. */
  event?: string
  /** Published elsewhere than on the dial id's channel. */
  channel?: string
  /** Into the user's history: `start` begins it anew. Undefined: an answer to a message, which is no event. */
  history?: 'start' | 'add'
  /** A side was answered, or hung up. */
  active?: { side: string; isActive: boolean }
  fields?: Record<string, string>
  /** A note that is done with. */
  forget?: string
}

/** `duplicate`: a call of that dial id lives. `revoked`: the agent was taken for dead, and the job is others' now. */
export type Claimed = 'claimed' | 'duplicate' | 'revoked'

export type CallStore = ReturnType<typeof openCalls>

/** @throws RedisUnavailable from every method. */
export function openCalls(redis: RedisConnection) {
  // A phone waits for it.
  const claimScript = bindScript(redis, 'callClaim', callClaimLua, { keyCounts: [2, 3], isUrgent: true })
  const eventScript = bindScript(redis, 'callEvent', callEventLua, { keyCounts: [2, 4] })
  const releaseScript = bindScript(redis, 'callRelease', callReleaseLua, { keyCounts: [2] })
  const adoptScript = bindScript(redis, 'callAdopt', callAdoptLua)
  const noteScript = bindScript(redis, 'callNote', callNoteLua)
  const publishOnceScript = bindScript(redis, 'publishOnce', publishOnceLua, { keyCounts: [1, 2] })
  const revokeScript = bindScript(redis, 'callRevoke', callRevokeLua, { keyCounts: [2] })
  const isSplit = isCluster(redis)

  /** The wire's lists, for a Cluster: the same as the script does. */
  async function writeLists(call: CallOwnerIds, step: CallStep): Promise<void> {
    const writes: Promise<unknown>[] = []
    const history = historyKey(call)
    if (step.event !== undefined && step.history) {
      if (step.history === 'start') writes.push(redis.del(history))
      writes.push(redis.lpush(history, step.event), redis.expire(history, HISTORY_EXPIRY_SECONDS))
    }
    if (step.active) {
      const active = activeCallKey(call)
      const value = `ACTIVE.${step.active.side}`
      writes.push(redis.lrem(active, 0, value))
      if (step.active.isActive)
        writes.push(redis.lpush(active, value), redis.expire(active, ACTIVE_EXPIRY_SECONDS))
    }
    await reachable(Promise.all(writes))
  }

  return {
    /** Claims the dial id and writes the call down, in one step. */
    async claim(agent: string, call: CallRecord): Promise<Claimed> {
      const { dialId, orgId, userId, fence, steps } = call
      const fields = flatten({ dialId, orgId, userId, fence, steps, owner: agent, ...call.fields })
      const keys = [callKey(dialId), revokedKey(dialId)]
      const args = [agent, dialId, CALL_EXPIRY_MS, ...fields]
      if (!isSplit) return (await claimScript([...keys, ownedCallsKey(agent)], args)) as Claimed
      const owned = reachable(redis.sadd(ownedCallsKey(agent), dialId))
      const [claimed] = await Promise.all([claimScript(keys, args), owned])
      return claimed as Claimed
    },

    /** Writes something down that a survivor must know, unless the call is another's already. */
    async note(call: CallRecord, field: string, value: string): Promise<void> {
      await noteScript([callKey(call.dialId)], [call.fence, field, value])
    },

    /** Writes a call again that Redis has lost, as it stands now: `sides` are the answered ones. */
    async restore(agent: string, call: CallRecord, sides: string[]): Promise<void> {
      await this.claim(agent, call)
      for (const side of sides) await writeLists(call, { number: 0, active: { side, isActive: true } })
    },

    /** Takes a call over from its owner, who is fenced from then on. Safe to repeat, and to be repeated until it is
     *  known what became of it: nobody else looks after a call that is ours without our knowing.
     *  @returns undefined when it is not (any more) that owner's. */
    async adopt(dialId: string, from: string, to: string): Promise<CallRecord | undefined> {
      await reachable(redis.sadd(ownedCallsKey(to), dialId))
      const flat = (await adoptScript([callKey(dialId)], [from, to])) as string[]
      await reachable(redis.srem(ownedCallsKey(from), dialId))
      const found = Object.fromEntries(
        flat.flatMap((name, index) => (index % 2 ? [] : [[name, flat[index + 1]!]])),
      )
      if (flat.length > 0) return readRecord(found)
      await reachable(redis.srem(ownedCallsKey(to), dialId))
      return undefined
    },

    /** Takes a job away from a dead agent. @returns false when a call of that dial id lives. */
    revoke: async (dialId: string, agent: string): Promise<boolean> =>
      (await revokeScript([callKey(dialId), revokedKey(dialId)], [agent, REVOKED_EXPIRY_MS])) === 1,

    /** Publishes and writes one step; `done` also when it is sent again and was done before. `fenced`: another agent owns
     *  the call now. `lost`: the call is over, or Redis has lost it. In both nothing was published. */
    async step(call: CallRecord, step: CallStep): Promise<'done' | 'fenced' | 'lost'> {
      const own = [callKey(call.dialId), callOverKey(call.dialId)]
      const keys = isSplit ? own : [...own, historyKey(call), activeCallKey(call)]
      const { active } = step
      const outcome = (await eventScript(keys, [
        call.fence,
        step.number,
        step.event === undefined ? '' : (step.channel ?? call.dialId),
        step.event ?? '',
        step.history ?? '',
        active ? `${active.isActive ? '+' : '-'}${active.side}` : '',
        HISTORY_EXPIRY_SECONDS,
        ACTIVE_EXPIRY_SECONDS,
        step.forget ?? '',
        ...flatten(step.fields ?? {}),
      ])) as 'done' | 'fenced' | 'lost'
      if (isSplit && outcome === 'done') await writeLists(call, step)
      return outcome
    },

    /** The call is over; its dial id is free. */
    async release(agent: string, call: CallRecord): Promise<void> {
      await Promise.all([
        releaseScript([callKey(call.dialId), callOverKey(call.dialId)], [call.fence, SAID_EXPIRY_MS]),
        reachable(redis.srem(ownedCallsKey(agent), call.dialId)),
      ])
    },

    /** Whose the call is: `held`: still the caller's; `fenced`: another agent's; `lost`: Redis does not know it, (not)
     *  yet or any more. */
    async standing(call: CallRecord): Promise<'held' | 'fenced' | 'lost'> {
      const fence = await reachable(redis.hget(callKey(call.dialId), 'fence'))
      if (fence === null) return 'lost'
      return Number(fence) === call.fence ? 'held' : 'fenced'
    },

    /** Who owns a call, and its fence, which each new owner counts up; undefined when no call of that dial id lives. */
    async owner(dialId: string): Promise<{ agent: string; fence: number } | undefined> {
      const [agent, fence] = await reachable(redis.hmget(callKey(dialId), 'owner', 'fence'))
      return agent && fence ? { agent, fence: Number(fence) } : undefined
    },

    /** A call's record, or undefined when no call of that dial id lives. */
    async find(dialId: string): Promise<CallRecord | undefined> {
      return readRecord(await reachable(redis.hgetall(callKey(dialId))))
    },

    /** The agent that owns a call; null when none lives. */
    ownerOf: (dialId: string): Promise<string | null> => reachable(redis.hget(callKey(dialId), 'owner')),

    /** Says something on a channel for which no call stands: an answer to a bad job or message.
     *  @returns false when nobody heard it. A Cluster counts the listeners of one node only, and so never tells. */
    async publish(channel: string, message: string): Promise<boolean> {
      return (await reachable(redis.publish(channel, message))) > 0 || isSplit
    },

    /** The same for a message that is said again until Redis has taken it, or by somebody else too.
     *  @param names one or two; who says it under one of them later says nothing. */
    async publishOnce(names: readonly string[], channel: string, message: string): Promise<void> {
      const marks = names.map(name => saidKey(channel, name))
      await publishOnceScript(marks, [channel, message, SAID_EXPIRY_MS])
    },

    /** The call is gone, or another's. */
    async disown(dialId: string, agent: string): Promise<void> {
      await reachable(redis.srem(ownedCallsKey(agent), dialId))
    },

    /** An agent's calls. */
    ownedBy: (agent: string): Promise<string[]> => reachable(redis.smembers(ownedCallsKey(agent))),
  }
}

/** As Redis takes them: name, value, name, value … */
function flatten(fields: Record<string, ScriptArgument>): ScriptArgument[] {
  const flat: ScriptArgument[] = []
  for (const name in fields) flat.push(name, fields[name]!)
  return flat
}

function readRecord(found: Record<string, string>): CallRecord | undefined {
  const { dialId = '', orgId = '', userId = '', fence, steps, owner: _owner, ...fields } = found
  if (fence === undefined) return undefined
  return { dialId, orgId, userId, fence: Number(fence), steps: Number(steps ?? 0), fields }
}
