// Runs our Lua scripts: each is one atomic step, so that two pods can't both win. The text of each script stands
// beside its store; here is what they have in common, with ioredis's caching by hash underneath.
import { Cluster, type Redis } from 'ioredis'
import { assert, messageOf } from '../base/result.ts'
import { type RedisConnection, RedisUnavailable } from './connect.ts'

export type ScriptArgument = string | number | Buffer

/** One script bound to one connection. @throws RedisUnavailable when Redis can't be asked. */
export type Script = (keys: string[], args: ScriptArgument[]) => Promise<unknown>

type DefinedCommand = (...keysAndArgs: ScriptArgument[]) => Promise<unknown>

export interface ScriptOptions {
  /** How many keys it is called with, where that isn't one: each count is a command of its own, with its keys known to
   *  ioredis, so that a Cluster's pipelines go by the first key's slot. */
  keyCounts?: readonly number[]
  /** In a Cluster sent at once. Other commands are gathered there until the turn's end, and held back while an earlier lot
   *  is unanswered: that saves time in sum, and makes each one slower. */
  isUrgent?: boolean
  /** Time limit in a Cluster, counted from the call. The connection's own limit counts from the sending, so a command
   *  that is held back behind a lot which Redis never answers would wait for that lot's limit first. */
  timeoutMs?: number
}

/** Binds a script's text to a connection under a name of its own. Call it before the connection's first command: a
 *  pipeline that ioredis has begun knows no scripts that are added later. */
export function bindScript(
  redis: RedisConnection,
  name: string,
  lua: string,
  { keyCounts = [1], isUrgent = false, timeoutMs }: ScriptOptions = {},
): Script {
  const connection = redis as Redis
  const limitMs = isCluster(redis) ? timeoutMs : undefined
  const commands = new Map<number, DefinedCommand>()
  for (const numberOfKeys of keyCounts) {
    const commandName = `${name}${numberOfKeys}`
    connection.defineCommand(commandName, { lua, numberOfKeys })
    if (isUrgent) sendAtOnce(connection, commandName)
    commands.set(
      numberOfKeys,
      (connection as unknown as Record<string, DefinedCommand>)[commandName] as DefinedCommand,
    )
  }
  return (keys, args) => {
    const command = commands.get(keys.length)
    assert(command, `${name} takes ${keyCounts.join(' or ')} keys`)
    const reply = command.call(connection, ...keys, ...args)
    return reachable(limitMs === undefined ? reply : within(limitMs, reply))
  }
}

function within<Reply>(limitMs: number, reply: Promise<Reply>): Promise<Reply> {
  const { promise, resolve, reject } = Promise.withResolvers<Reply>()
  const timer = setTimeout(() => reject(new Error(`no answer within ${limitMs} ms`)), limitMs)
  reply.then(resolve, reject).finally(() => clearTimeout(timer))
  return promise
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
