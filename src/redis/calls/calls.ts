// The state of dialled calls in Redis, and everything that is published about them. One agent owns a call; each of
// its writes carries the call's fence number, so that an owner which was taken over can't publish any more. The
// wire's own lists (active sides, history) are kept in the same step, or right after it in a Cluster, where their
// names put them on other slots.
import type { RedisConnection } from '../connect.ts'
import {
  type ActiveKey,
  activeCallKey,
  type CallOwnerIds,
  callKey,
  callOverKey,
  historyKey,
  ownedCallsKey,
  ownedChannelsKey,
  revokedKey,
  saidKey,
  switchChannelKey,
  switchChannelOverKey,
} from '../keys.ts'
import { bindScript, isCluster, reachable, type ScriptArgument } from '../scripts.ts'
import callClaimLua from './callClaim.lua' with { type: 'text' }
import callEventLua from './callEvent.lua' with { type: 'text' }
import callHearLua from './callHear.lua' with { type: 'text' }
import callMoveLua from './callMove.lua' with { type: 'text' }
import callReleaseLua from './callRelease.lua' with { type: 'text' }
import callRevokeLua from './callRevoke.lua' with { type: 'text' }
import publishOnceLua from './publishOnce.lua' with { type: 'text' }

/** An active call is forgotten after a day, a history after four hours: redswitch's own figures. */
const ACTIVE_EXPIRY_SECONDS = 86_400
const HISTORY_EXPIRY_SECONDS = 14_400

/** A call's record outlives every call that people make; a record that is older was forgotten by everybody. */
const CALL_EXPIRY_MS = ACTIVE_EXPIRY_SECONDS * 1_000

/** An agent that was paused for longer than this can't dial its job anyway: the job is too old (JOB_MAX_AGE). */
const REVOKED_EXPIRY_MS = 24 * 60 * 60 * 1_000

/** Longer than any agent goes on sending one message again: until then a second copy must be recognised. */
const SAID_EXPIRY_MS = 10 * 60 * 1_000

/** An owner's answer is marked for longer than it takes until another agent that heard the message has looked. */
const ANSWERED_EXPIRY_MS = 10 * 1_000

/** What is known of a call from its claim on. `fields` are the dial room's own, read back by whoever takes over. */
export interface CallRecord extends CallOwnerIds {
  fence: number
  /** The owner that a record had when it was read; a record that is claimed now belongs to the agent that claims it. */
  owner?: string
  /** How many steps were written; each step has a number, so that a step which is sent twice is done once. */
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
  /** The message that this answers: its note is done with. */
  answers?: MessageName
  /** A former owner heard it, and may come back with an answer of its own after a long sleep. */
  isLeftOver?: boolean
  /** The call is over with it: whoever hears it may use the dial id again. */
  isLast?: boolean
}

/** The name under which all agents that hear a message know it: the sender's own id for it, or else a number that only
 *  the call's owner knows. */
export type MessageName = string

/** Where the owner notes a message until it is answered. */
const noteField = (name: MessageName): string => `heard.${name}`

/** The messages that stand noted in a record, each with its note. */
export const notesOf = ({ fields }: CallRecord): [MessageName, string][] =>
  Object.entries(fields)
    .filter(([field]) => field.startsWith('heard.'))
    .map(([field, note]) => [field.slice('heard.'.length), note.slice(note.indexOf(' ') + 1)])

/** `taken`: another agent has noted or answered it. `fenced`: the call is another's. */
export type Noted = 'noted' | 'taken' | 'fenced'

/** A change of the owner. `fence`: only while it has that one. `marker` is told on the channel. */
export interface Move {
  from: string
  fence?: number
  to: string
  marker: string
}

/** `duplicate`: a call of that dial id lives. `revoked`: the agent was taken for dead, and the job is others' now. */
export type Claimed = 'claimed' | 'duplicate' | 'revoked'

export type CallStore = ReturnType<typeof openRecords>

/** The records of dialled calls. @throws RedisUnavailable from every method. */
export const openCalls = (redis: RedisConnection, activeKey?: ActiveKey) =>
  openRecords(redis, { record: callKey, over: callOverKey, owned: ownedCallsKey }, activeKey)

/** The same for the channels of switches, each of which has one owner as a call has. Their `dialId` is the core UUID. */
export const openSwitchChannels = (redis: RedisConnection): CallStore =>
  openRecords(redis, { record: switchChannelKey, over: switchChannelOverKey, owned: ownedChannelsKey })

interface RecordKeys {
  record: (dialId: string) => string
  over: (dialId: string) => string
  owned: (agent: string) => string
}

function openRecords(redis: RedisConnection, keysOf: RecordKeys, activeKey?: ActiveKey) {
  // A phone waits for it.
  const claimScript = bindScript(redis, 'callClaim', callClaimLua, { keyCounts: [2, 3], isUrgent: true })
  const eventScript = bindScript(redis, 'callEvent', callEventLua, { keyCounts: [3, 5] })
  const releaseScript = bindScript(redis, 'callRelease', callReleaseLua, { keyCounts: [2] })
  const moveScript = bindScript(redis, 'callMove', callMoveLua, { keyCounts: [1, 3] })
  const hearScript = bindScript(redis, 'callHear', callHearLua, { keyCounts: [2] })
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
      const active = activeCallKey(call, activeKey)
      const value = `ACTIVE.${step.active.side}`
      writes.push(redis.lrem(active, 0, value))
      if (step.active.isActive)
        writes.push(redis.lpush(active, value), redis.expire(active, ACTIVE_EXPIRY_SECONDS))
    }
    await reachable(Promise.all(writes))
  }

  async function list(agent: string, dialId: string): Promise<void> {
    await reachable(redis.sadd(keysOf.owned(agent), dialId))
  }

  async function unlist(agent: string, dialId: string): Promise<void> {
    await reachable(redis.srem(keysOf.owned(agent), dialId))
  }

  return {
    /** Claims the dial id and writes the call down, in one step. */
    async claim(agent: string, call: CallRecord): Promise<Claimed> {
      const { dialId, orgId, userId, fence, steps } = call
      const fields = flatten({ dialId, orgId, userId, fence, steps, owner: agent, ...call.fields })
      const keys = [keysOf.record(dialId), revokedKey(dialId)]
      const args = [agent, dialId, CALL_EXPIRY_MS, ...fields]
      if (!isSplit) return (await claimScript([...keys, keysOf.owned(agent)], args)) as Claimed
      const [claimed] = await Promise.all([claimScript(keys, args), list(agent, dialId)])
      return claimed as Claimed
    },

    /** Notes a message that must be answered though its owner dies.
     *  @param isContested another agent may have heard it too: noted only by the first. */
    note: async (
      { dialId, fence }: CallRecord,
      { name, note, isContested }: { name: MessageName; note: string; isContested: boolean },
    ): Promise<Noted> =>
      (await hearScript(
        [keysOf.record(dialId), saidKey(dialId, name)],
        [fence, noteField(name), `${fence} ${note}`, isContested ? '1' : ''],
      )) as Noted,

    /** Writes a call again that Redis has lost, as it stands now: `sides` are the answered ones. */
    async restore(agent: string, call: CallRecord, sides: string[]): Promise<void> {
      await this.claim(agent, call)
      for (const side of sides) await writeLists(call, { number: 0, active: { side, isActive: true } })
    },

    /** Gives a call a new owner, who is told on its channel; the one before is fenced from then on. Safe to repeat, and to
     *  be repeated until it is known what became of it.
     *  @returns undefined when it is not (any more) the former owner's. */
    async move(dialId: string, { from, fence, to, marker }: Move): Promise<CallRecord | undefined> {
      const args = [from, fence ?? '', to, dialId, marker]
      if (isSplit) await list(to, dialId)
      const keys = isSplit ? [] : [keysOf.owned(from), keysOf.owned(to)]
      const flat = (await moveScript([keysOf.record(dialId), ...keys], args)) as string[]
      const found = Object.fromEntries(
        flat.flatMap((name, index) => (index % 2 ? [] : [[name, flat[index + 1]!]])),
      )
      if (isSplit) await unlist(flat.length > 0 ? from : to, dialId)
      return readRecord(found)
    },

    /** Takes a job away from a dead agent. @returns false when a call of that dial id lives. */
    revoke: async (dialId: string, agent: string): Promise<boolean> =>
      (await revokeScript([keysOf.record(dialId), revokedKey(dialId)], [agent, REVOKED_EXPIRY_MS])) === 1,

    /** Publishes and writes one step; `done` also when it is sent again and was done before. `fenced`: another agent owns
     *  the call now. `lost`: the call is over, or Redis has lost it. In both nothing was published. */
    async step(call: CallRecord, step: CallStep): Promise<'done' | 'fenced' | 'lost'> {
      const { active, answers, isLast, isLeftOver } = step
      const name = answers ?? ''
      const own = [keysOf.record(call.dialId), keysOf.over(call.dialId), saidKey(call.dialId, name)]
      const keys = isSplit ? own : [...own, historyKey(call), activeCallKey(call, activeKey)]
      const outcome = (await eventScript(keys, [
        call.fence,
        step.number,
        step.event === undefined ? '' : (step.channel ?? call.dialId),
        step.event ?? '',
        step.history ?? '',
        active ? `${active.isActive ? '+' : '-'}${active.side}` : '',
        HISTORY_EXPIRY_SECONDS,
        ACTIVE_EXPIRY_SECONDS,
        answers === undefined ? '' : isLeftOver ? SAID_EXPIRY_MS : ANSWERED_EXPIRY_MS,
        isLast ? SAID_EXPIRY_MS : '',
        answers === undefined ? '' : noteField(name),
        ...flatten(step.fields ?? {}),
      ])) as 'done' | 'fenced' | 'lost'
      if (isSplit && outcome === 'done') await writeLists(call, step)
      return outcome
    },

    /** The call is over; its dial id is free. */
    async release(agent: string, call: CallRecord): Promise<void> {
      await Promise.all([
        releaseScript([keysOf.record(call.dialId), keysOf.over(call.dialId)], [call.fence, SAID_EXPIRY_MS]),
        unlist(agent, call.dialId),
      ])
    },

    /** Whose the call is: `held`: still the caller's; `fenced`: another agent's, or over by its hand; `lost`: Redis does not
     *  know it, (not) yet or any more. */
    async standing({ dialId, fence }: CallRecord): Promise<'held' | 'fenced' | 'lost'> {
      const found = await reachable(redis.hget(keysOf.record(dialId), 'fence'))
      if (found !== null) return Number(found) === fence ? 'held' : 'fenced'
      return (await reachable(redis.hexists(keysOf.over(dialId), `steps.${fence}`))) ? 'fenced' : 'lost'
    },

    /** A call's record, or undefined when no call of that dial id lives. */
    async find(dialId: string): Promise<CallRecord | undefined> {
      return readRecord(await reachable(redis.hgetall(keysOf.record(dialId))))
    },

    /** The agent that owns a call; null when none lives. */
    ownerOf: (dialId: string): Promise<string | null> =>
      reachable(redis.hget(keysOf.record(dialId), 'owner')),

    /** Publishes a message that may be sent several times, by this agent or by others: it is published once under its
     *  name. */
    async publishOnce(name: string, channel: string, message: string): Promise<void> {
      await publishOnceScript([saidKey(channel, name)], [channel, message, SAID_EXPIRY_MS])
    },

    /** Answers a message of a call that another agent may own, unless that owner has answered it or will. */
    async answerForOwner(dialId: string, name: MessageName, message: string): Promise<void> {
      const keys = [saidKey(dialId, name), keysOf.record(dialId)]
      await publishOnceScript(keys, [dialId, message, SAID_EXPIRY_MS, noteField(name)])
    },

    /** Whether an agent has noted or answered a message of a call. */
    async isTaken(dialId: string, name: MessageName): Promise<boolean> {
      const [noted, answered] = await Promise.all([
        reachable(redis.hexists(keysOf.record(dialId), noteField(name))),
        reachable(redis.exists(saidKey(dialId, name))),
      ])
      return noted + answered > 0
    },

    /** The call is gone, or another agent owns it. */
    disown: (dialId: string, agent: string): Promise<void> => unlist(agent, dialId),

    /** An agent's calls. */
    ownedBy: (agent: string): Promise<string[]> => reachable(redis.smembers(keysOf.owned(agent))),
  }
}

/** As Redis takes them: name, value, name, value … */
function flatten(fields: Record<string, ScriptArgument>): ScriptArgument[] {
  const flat: ScriptArgument[] = []
  for (const name in fields) flat.push(name, fields[name]!)
  return flat
}

function readRecord(found: Record<string, string>): CallRecord | undefined {
  const { dialId = '', orgId = '', userId = '', fence, steps, owner = '', ...fields } = found
  if (fence === undefined) return undefined
  return { owner, dialId, orgId, userId, fence: Number(fence), steps: Number(steps ?? 0), fields }
}
