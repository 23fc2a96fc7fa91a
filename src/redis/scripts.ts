// Runs our Lua scripts: each is one atomic step, so that two pods can't both win. The text of each script stands
// in `scripts/`; here is what they have in common, with ioredis's caching by hash underneath.
import { Cluster, type Redis } from 'ioredis'
import { assert, messageOf } from '../result.ts'
import { type RedisConnection, RedisUnavailable } from './connect.ts'

export type ScriptArgument = string | number

/** One script bound to one connection. @throws RedisUnavailable when Redis can't be asked. */
export type Script = (keys: string[], args: ScriptArgument[]) => Promise<unknown>

type DefinedCommand = (...keysAndArgs: ScriptArgument[]) => Promise<unknown>

/** No script of ours takes more keys. */
const KEYS_MAX = 3

/** Binds a script's text to a connection under a name of its own. Before the connection's first command: what is
 *  pipelined already knows no new ones. @param isUrgent sent at once: ioredis gathers commands until the turn's end,
 *  and holds them back while an earlier lot is unanswered, which saves time in all and costs it for each. */
export function bindScript(
  redis: RedisConnection,
  name: string,
  lua: string,
  { isUrgent = false }: { isUrgent?: boolean } = {},
): Script {
  const connection = redis as Redis
  // With the count of keys fixed, the first argument is a key. A Cluster's pipelines go by that one's slot.
  const commands = Array.from({ length: KEYS_MAX }, (_, index): DefinedCommand => {
    const commandName = `${name}${index + 1}`
    connection.defineCommand(commandName, { lua, numberOfKeys: index + 1 })
    if (isUrgent) sendAtOnce(connection, commandName)
    return (connection as unknown as Record<string, DefinedCommand>)[commandName]!
  })
  return (keys, args) => {
    const command = commands[keys.length - 1]
    assert(command, `${name} takes 1 to ${KEYS_MAX} keys`)
    return reachable(command.call(connection, ...keys, ...args))
  }
}

function sendAtOnce({ options }: Redis, commandName: string): void {
  // A new list: the one that is there may be ioredis's default, which all connections share.
  options.autoPipeliningIgnoredCommands = [...(options.autoPipeliningIgnoredCommands ?? []), commandName]
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
