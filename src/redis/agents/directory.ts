// Which agents there are, and which of them live. An agent renews a lease; when it has run out another declares it
// dead and takes its calls and jobs over. An outage of Redis ends leases too, so running out alone ends nobody: only
// the declaration does, and an agent that was declared dead never comes back under its name. Renewing is one command
// and so is a look at all agents, however many there are: idle agents cost Redis in proportion to their number.
import type { RedisConnection } from '../connect.ts'
import { AGENTS_KEY, agentChannel, agentLeaseKey, deadAgentKey } from '../keys.ts'
import { bindScript, isCluster, reachable } from '../scripts.ts'
import agentDeclareDeadLua from './agentDeclareDead.lua' with { type: 'text' }
import agentRenewLua from './agentRenew.lua' with { type: 'text' }

/** What an agent tells of itself. */
export interface AgentCard {
  agent: string
  /** The switch by its setting's name, and by its own id while connected. */
  switchName: string
  coreUuid: string
  /** It stops, and takes nothing new. */
  isDraining: boolean
  /** Its switch refuses what it is asked. */
  isRefusing?: boolean
  /** When its connection, or one of these, changed, by its own clock, milliseconds of the epoch. Missing: an older version. */
  sinceMs?: number
}

/** A name is unique to one thread of one process; a declaration is needed while that thread may be paused. */
const DEAD_AGENT_KEPT_MS = 24 * 60 * 60 * 1_000

export type AgentDirectory = ReturnType<typeof openAgentDirectory>

/** By name; an agent that does not live, and was not removed yet, has no card. */
export type Agents = Map<string, AgentCard | undefined>

/** @throws RedisUnavailable from every method. */
export function openAgentDirectory(redis: RedisConnection) {
  const renewScript = bindScript(redis, 'agentRenew', agentRenewLua, { keyCounts: [2] })
  const declareDeadScript = bindScript(redis, 'agentDeclareDead', agentDeclareDeadLua, { keyCounts: [2] })

  const names = (): Promise<string[]> => reachable(redis.smembers(AGENTS_KEY))

  async function look(agents: readonly string[]): Promise<Agents> {
    if (agents.length === 0) return new Map()
    const cards = await reachable(redis.mget(agents.map(agentLeaseKey)))
    return new Map(agents.map((agent, index) => [agent, readCard(cards[index] ?? null)]))
  }

  return {
    /** Says that the agent lives. @returns false when it was declared dead. */
    async renew(card: AgentCard, leaseMs: number): Promise<boolean> {
      const { agent } = card
      const renewed = await reachable(
        redis.set(agentLeaseKey(agent), JSON.stringify(card), 'PX', leaseMs, 'XX'),
      )
      if (renewed !== null) return true
      const [, isAlive] = await Promise.all([
        reachable(redis.sadd(AGENTS_KEY, agent)),
        renewScript([agentLeaseKey(agent), deadAgentKey(agent)], [JSON.stringify(card), leaseMs]),
      ])
      return isAlive === 1
    },

    /** The names of all agents that were ever seen and not yet removed. */
    names,

    /** Those agents, as they are now: one command. */
    look,

    /** All agents: those that live with their card. */
    all: async (): Promise<Agents> => look(await names()),

    /** One agent's card; undefined: it does not live. */
    card: async (agent: string): Promise<AgentCard | undefined> =>
      readCard(await reachable(redis.get(agentLeaseKey(agent)))),

    /** Declares an agent dead. @returns false when it lives after all. */
    declareDead: async (agent: string): Promise<boolean> =>
      (await declareDeadScript([agentLeaseKey(agent), deadAgentKey(agent)], [DEAD_AGENT_KEPT_MS])) === 1,

    /** Nothing of it is left to take over, or it has left in good order. */
    async remove(agent: string): Promise<void> {
      await Promise.all([
        reachable(redis.srem(AGENTS_KEY, agent)),
        reachable(redis.del(agentLeaseKey(agent))),
      ])
    },

    /** Says something to an agent, on its own channel.
     *  @returns false when it hears nothing. A Cluster counts the listeners of one node only, and so never tells. */
    tell: async (agent: string, message: string): Promise<boolean> =>
      (await reachable(redis.publish(agentChannel(agent), message))) > 0 || isCluster(redis),
  }
}

const readCard = (json: string | null): AgentCard | undefined =>
  json === null ? undefined : (JSON.parse(json) as AgentCard)
