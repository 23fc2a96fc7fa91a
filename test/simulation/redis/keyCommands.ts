// Commands about keys of any kind, and about plain texts.
import { type Command, type CommandContext, CommandFault, syntaxError, wholeOf } from './command.ts'
import { OK, type Reply } from './reply.ts'

export const KEY_COMMANDS: Record<string, Command> = {
  get: { arity: 2, run: ({ db }, [key]) => db.read(key!, 'string')?.text ?? null },
  mget: { arity: -2, run: getMany },
  set: { arity: -3, writes: true, run: set },
  setnx: { arity: 3, writes: true, run: (c, [key, text]) => (set(c, [key!, text!, 'NX']) === null ? 0 : 1) },
  getdel: { arity: 2, writes: true, isAllowedWhenFull: true, run: takeText },
  del: { arity: -2, writes: true, isAllowedWhenFull: true, run: remove },
  unlink: { arity: -2, writes: true, isAllowedWhenFull: true, run: remove },
  exists: { arity: -2, run: ({ db }, keys) => keys.filter(key => db.find(key)).length },
  type: { arity: 2, run: ({ db }, [key]) => ({ status: db.find(key!)?.type ?? 'none' }) },
  expire: { arity: -3, writes: true, isAllowedWhenFull: true, run: (c, args) => expire(c, args, 'expire') },
  pexpire: { arity: -3, writes: true, isAllowedWhenFull: true, run: (c, args) => expire(c, args, 'pexpire') },
  pexpireat: { arity: -3, writes: true, isAllowedWhenFull: true, run: expireAt },
  persist: { arity: 2, writes: true, isAllowedWhenFull: true, run: persist },
  ttl: { arity: 2, run: ({ db }, [key]) => inSeconds(db.leftMs(key!)) },
  pttl: { arity: 2, run: ({ db }, [key]) => db.leftMs(key!) },
  incr: { arity: 2, writes: true, run: (c, [key]) => increase(c, key!, 1) },
  incrby: { arity: 3, writes: true, run: (c, [key, by]) => increase(c, key!, wholeOf(by)) },
  keys: { arity: 2, run: ({ db }, [pattern]) => keysLike(db.keys(), pattern!) },
  flushall: { arity: -1, writes: true, isAllowedWhenFull: true, run: clear },
  flushdb: { arity: -1, writes: true, isAllowedWhenFull: true, run: clear },
}

function getMany({ db }: CommandContext, keys: string[]): Reply {
  return keys.map(key => {
    const value = db.find(key)
    return value?.type === 'string' ? value.text : null
  })
}

function takeText({ db }: CommandContext, [key]: string[]): Reply {
  const text = db.read(key!, 'string')?.text ?? null
  db.delete(key!)
  return text
}

/** PEXPIREAT without its options, which nobody uses here. */
function expireAt({ db }: CommandContext, [key, at, ...more]: string[]): Reply {
  if (more.length > 0) throw new CommandFault(`Unsupported option ${more[0]}`)
  return db.expireAt(key!, wholeOf(at)) ? 1 : 0
}

function remove({ db }: CommandContext, keys: string[]): Reply {
  return keys.filter(key => db.delete(key)).length
}

function clear({ db }: CommandContext): Reply {
  db.clear()
  return OK
}

function inSeconds(leftMs: number): number {
  return leftMs < 0 ? leftMs : Math.floor((leftMs + 500) / 1_000)
}

function set({ db, nowMs }: CommandContext, [key, text, ...options]: string[]): Reply {
  let [condition, unit, left]: (string | undefined)[] = []
  let keepsExpiry = false
  for (let at = 0; at < options.length; at++) {
    const option = options[at]!.toLowerCase()
    if ((option === 'nx' || option === 'xx') && condition === undefined) condition = option
    else if (option === 'keepttl' && unit === undefined) keepsExpiry = true
    else if ((option === 'px' || option === 'ex') && unit === undefined && !keepsExpiry) {
      unit = option
      left = options[++at]
      if (left === undefined) throw syntaxError()
    } else throw syntaxError()
  }
  const leftMs = left === undefined ? undefined : wholeOf(left) * (unit === 'ex' ? 1_000 : 1)
  if (leftMs !== undefined && leftMs <= 0) throw new CommandFault("invalid expire time in 'set' command")
  const isThere = db.find(key!) !== undefined
  if ((condition === 'nx' && isThere) || (condition === 'xx' && !isThere)) return null
  const before = db.leftMs(key!)
  db.put(key!, { type: 'string', text: text! })
  if (leftMs !== undefined) db.expireAt(key!, nowMs + leftMs)
  else if (keepsExpiry && before >= 0) db.expireAt(key!, nowMs + before)
  return OK
}

function expire(
  { db, nowMs }: CommandContext,
  [key, left, ...more]: string[],
  name: 'expire' | 'pexpire',
): Reply {
  const leftMs = wholeOf(left) * (name === 'expire' ? 1_000 : 1)
  if (!Number.isSafeInteger(leftMs)) throw new CommandFault(`invalid expire time in '${name}' command`)
  const option = more[0]?.toLowerCase()
  if (more.length > 1 || (option !== undefined && !['nx', 'xx', 'gt', 'lt'].includes(option)))
    throw new CommandFault(`Unsupported option ${more[0] ?? ''}`)
  const before = db.leftMs(key!)
  if (before === -2) return 0
  const [isLasting, isLater] = [before === -1, leftMs > before]
  if (option === 'nx' && !isLasting) return 0
  if (option === 'xx' && isLasting) return 0
  if (option === 'gt' && (isLasting || !isLater)) return 0
  if (option === 'lt' && !isLasting && leftMs >= before) return 0
  return db.expireAt(key!, nowMs + leftMs) ? 1 : 0
}

function persist({ db }: CommandContext, [key]: string[]): Reply {
  if (db.leftMs(key!) < 0) return 0
  db.expireAt(key!, undefined)
  return 1
}

function increase({ db }: CommandContext, key: string, by: number): Reply {
  const held = db.read(key, 'string')
  const sum = wholeOf(held?.text ?? '0') + by
  db.open(key, 'string').text = String(sum)
  return sum
}

/** Patterns with `*` and `?`; that is all that is asked for here. */
function keysLike(keys: string[], pattern: string): string[] {
  const source = pattern
    .replace(/[.+^${}()|[\]\\]/g, '\\$&')
    .replaceAll('*', '[^]*')
    .replaceAll('?', '[^]')
  const wanted = new RegExp(`^${source}$`)
  return keys.filter(key => wanted.test(key))
}
