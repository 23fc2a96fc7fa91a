// Runs our Lua scripts: each is one atomic step, so that two pods can't both win. The text of each script stands
// in `scripts/`; here is what they have in common, with ioredis's caching by hash underneath.
import { Cluster, type Redis } from 'ioredis'
import { messageOf } from '../result.ts'
import { type RedisConnection, RedisUnavailable } from './connect.ts'

export type ScriptArgument = string | number

/** One script bound to one connection. @throws RedisUnavailable when Redis can't be asked. */
export type Script = (keys: string[], args: ScriptArgument[]) => Promise<unknown>

type DefinedCommand = (keyCount: number, ...args: ScriptArgument[]) => Promise<unknown>

/** Binds a script's text to a connection under a name of its own. */
export function bindScript(redis: RedisConnection, name: string, lua: string): Script {
  const connection = redis as Redis
  connection.defineCommand(name, { lua })
  const command = (connection as unknown as Record<string, DefinedCommand>)[name]
  if (!command) throw new Error(`ioredis did not define ${name}`)
  return (keys, args) => reachable(command.call(connection, keys.length, ...keys, ...args))
}

/** Turns what ioredis rejects with into `RedisUnavailable`. Every command of ours goes through here. */
export async function reachable<Reply>(reply: Promise<Reply>): Promise<Reply> {
  try {
    return await reply
  } catch (thrown) {
    throw new RedisUnavailable(messageOf(thrown), { cause: thrown })
  }
}

export const isCluster = (redis: RedisConnection): boolean => redis instanceof Cluster
