// Commands of sorted sets: members with a score each, in the order of scores and, where these are equal, of bytes.
import {
  type Command,
  type CommandContext,
  CommandFault,
  scoreOf,
  sliceOf,
  syntaxError,
  wholeOf,
} from './command.ts'
import type { Reply } from './reply.ts'

export const SORTED_SET_COMMANDS: Record<string, Command> = {
  zadd: { arity: -4, writes: true, run: add },
  zrem: { arity: -3, writes: true, isAllowedWhenFull: true, run: remove },
  zscore: { arity: 3, run: score },
  zmscore: { arity: -3, run: scoresOf },
  zcard: { arity: 2, run: ({ db }, [key]) => db.read(key!, 'zset')?.scores.size ?? 0 },
  zcount: { arity: 4, run: (c, [key, min, max]) => within(c, key!, min!, max!).length },
  zrange: { arity: -4, run: (c, args) => range(c, args, false) },
  zrevrange: { arity: -4, run: (c, args) => range(c, args, true) },
  zrangebyscore: { arity: -4, run: rangeByScore },
  zremrangebyrank: { arity: 4, writes: true, isAllowedWhenFull: true, run: removeByRank },
  zremrangebyscore: { arity: 4, writes: true, isAllowedWhenFull: true, run: removeByScore },
  zpopmin: { arity: -2, writes: true, isAllowedWhenFull: true, run: popMin },
}

type Ranked = [member: string, score: number]

function ranked({ db }: CommandContext, key: string): Ranked[] {
  const scores = db.read(key, 'zset')?.scores ?? new Map<string, number>()
  return [...scores].sort(([one, low], [other, high]) => low - high || (one < other ? -1 : 1))
}

function add({ db }: CommandContext, [key, ...rest]: string[]): Reply {
  const options = new Set<string>()
  while (/^(nx|xx|gt|lt|ch)$/i.test(rest[0] ?? '')) options.add(rest.shift()!.toLowerCase())
  if (rest.length === 0 || rest.length % 2 !== 0) throw syntaxError()
  if (options.has('nx') && options.has('xx'))
    throw new CommandFault('XX and NX options at the same time are not compatible')
  if ([options.has('nx'), options.has('gt'), options.has('lt')].filter(Boolean).length > 1)
    throw new CommandFault('GT, LT, and/or NX options at the same time are not compatible')
  const pairs = Array.from(
    { length: rest.length / 2 },
    (_, at): Ranked => [rest[2 * at + 1]!, scoreOf(rest[2 * at])],
  )
  if (!db.read(key!, 'zset') && options.has('xx')) return 0
  const { scores } = db.open(key!, 'zset')
  let [added, changed] = [0, 0]
  for (const [member, wanted] of pairs) {
    const held = scores.get(member)
    if (held === undefined ? options.has('xx') : options.has('nx')) continue
    if (held !== undefined && options.has('gt') && wanted <= held) continue
    if (held !== undefined && options.has('lt') && wanted >= held) continue
    if (held === undefined) added += 1
    else if (held !== wanted) changed += 1
    scores.set(member, wanted)
  }
  db.dropIfEmpty(key!)
  return options.has('ch') ? added + changed : added
}

function remove({ db }: CommandContext, [key, ...members]: string[]): Reply {
  const scores = db.read(key!, 'zset')?.scores
  const removed = members.filter(member => scores?.delete(member)).length
  db.dropIfEmpty(key!)
  return removed
}

function score({ db }: CommandContext, [key, member]: string[]): Reply {
  const found = db.read(key!, 'zset')?.scores.get(member!)
  return found === undefined ? null : { double: found }
}

function scoresOf({ db }: CommandContext, [key, ...members]: string[]): Reply {
  const scores = db.read(key!, 'zset')?.scores
  return members.map((member): Reply => {
    const found = scores?.get(member)
    return found === undefined ? null : { double: found }
  })
}

function range(context: CommandContext, [key, start, stop, ...options]: string[], isDown: boolean): Reply {
  let withScores = false
  for (const option of options) {
    if (option.toLowerCase() === 'withscores') withScores = true
    else if (option.toLowerCase() === 'rev' && !isDown) return range(context, [key!, start!, stop!], true)
    else throw syntaxError()
  }
  const [from, to] = [wholeOf(start), wholeOf(stop)]
  const all = ranked(context, key!)
  return told(sliceOf(isDown ? all.reverse() : all, from, to), withScores)
}

/** Nested in RESP3, flat in RESP2: written by the connection, which knows. */
const told = (found: Ranked[], withScores: boolean): Reply =>
  withScores ? { scored: found } : found.map(([member]) => member)

function within(context: CommandContext, key: string, min: string, max: string): Ranked[] {
  const [low, high] = [boundOf(min), boundOf(max)]
  return ranked(context, key).filter(
    ([, at]) =>
      (low.isOpen ? at > low.score : at >= low.score) && (high.isOpen ? at < high.score : at <= high.score),
  )
}

function boundOf(text: string): { score: number; isOpen: boolean } {
  const isOpen = text.startsWith('(')
  try {
    return { score: scoreOf(isOpen ? text.slice(1) : text), isOpen }
  } catch {
    throw new CommandFault('min or max is not a float')
  }
}

function rangeByScore(context: CommandContext, [key, min, max, ...options]: string[]): Reply {
  let found = within(context, key!, min!, max!)
  let withScores = false
  for (let at = 0; at < options.length; at++) {
    const option = options[at]!.toLowerCase()
    if (option === 'withscores') withScores = true
    else if (option === 'limit') {
      const [offset, count] = [wholeOf(options[++at]), wholeOf(options[++at])]
      found = found.slice(offset, count < 0 ? undefined : offset + count)
    } else throw syntaxError()
  }
  return told(found, withScores)
}

function removeByRank(context: CommandContext, [key, start, stop]: string[]): Reply {
  const [from, to] = [wholeOf(start), wholeOf(stop)]
  return removeAll(context, key!, sliceOf(ranked(context, key!), from, to))
}

function removeByScore(context: CommandContext, [key, min, max]: string[]): Reply {
  return removeAll(context, key!, within(context, key!, min!, max!))
}

function removeAll({ db }: CommandContext, key: string, gone: Ranked[]): number {
  const scores = db.read(key, 'zset')?.scores
  for (const [member] of gone) scores?.delete(member)
  db.dropIfEmpty(key)
  return gone.length
}

function popMin(context: CommandContext, [key, count]: string[]): Reply {
  if (count !== undefined && !/^[0-9]+$/.test(count))
    throw new CommandFault('value is out of range, must be positive')
  const gone = ranked(context, key!).slice(0, count === undefined ? 1 : Number(count))
  removeAll(context, key!, gone)
  if (count !== undefined) return told(gone, true)
  return gone.flatMap(([member, at]): Reply[] => [member, { double: at }])
}
