// Commands of hashes and of sets.
import { type Command, type CommandContext, CommandFault, pairsOf, wholeOf } from './command.ts'
import { OK, type Reply } from './reply.ts'

export const HASH_COMMANDS: Record<string, Command> = {
  hset: { arity: -4, writes: true, run: (c, args) => set(c, args, 'hset') },
  hmset: { arity: -4, writes: true, run: setAsOld },
  hsetnx: { arity: 4, writes: true, run: setNew },
  hget: { arity: 3, run: ({ db }, [key, field]) => db.read(key!, 'hash')?.fields.get(field!) ?? null },
  hmget: { arity: -3, run: getMany },
  hgetall: { arity: 2, run: ({ db }, [key]) => ({ map: [...fieldsOf(db, key!)].flat() }) },
  hvals: { arity: 2, run: ({ db }, [key]) => [...fieldsOf(db, key!).values()] },
  hkeys: { arity: 2, run: ({ db }, [key]) => [...fieldsOf(db, key!).keys()] },
  hlen: { arity: 2, run: ({ db }, [key]) => fieldsOf(db, key!).size },
  hexists: { arity: 3, run: ({ db }, [key, field]) => (fieldsOf(db, key!).has(field!) ? 1 : 0) },
  hdel: { arity: -3, writes: true, isAllowedWhenFull: true, run: removeFields },
  hincrby: { arity: 4, writes: true, run: increase },

  sadd: { arity: -3, writes: true, run: add },
  srem: { arity: -3, writes: true, isAllowedWhenFull: true, run: removeMembers },
  smembers: { arity: 2, run: ({ db }, [key]) => ({ set: [...(db.read(key!, 'set')?.members ?? [])] }) },
  sismember: { arity: 3, run: ({ db }, [key, m]) => (db.read(key!, 'set')?.members.has(m!) ? 1 : 0) },
  smismember: {
    arity: -3,
    run: ({ db }, [key, ...items]) => {
      const members = db.read(key!, 'set')?.members
      return items.map(item => (members?.has(item) ? 1 : 0))
    },
  },
  scard: { arity: 2, run: ({ db }, [key]) => db.read(key!, 'set')?.members.size ?? 0 },
}

const NOTHING: ReadonlyMap<string, string> = new Map()

const fieldsOf = (db: CommandContext['db'], key: string): ReadonlyMap<string, string> =>
  db.read(key, 'hash')?.fields ?? NOTHING

function set({ db }: CommandContext, [key, ...rest]: string[], name: string): Reply {
  const pairs = pairsOf(rest, name)
  const { fields } = db.open(key!, 'hash')
  const before = fields.size
  for (const [field, value] of pairs) fields.set(field, value)
  return fields.size - before
}

/** HMSET, the older form of HSET. */
function setAsOld(context: CommandContext, args: string[]): Reply {
  set(context, args, 'hmset')
  return OK
}

function setNew({ db }: CommandContext, [key, field, value]: string[]): Reply {
  const { fields } = db.open(key!, 'hash')
  if (fields.has(field!)) return 0
  fields.set(field!, value!)
  return 1
}

function getMany({ db }: CommandContext, [key, ...names]: string[]): Reply {
  const fields = fieldsOf(db, key!)
  return names.map(name => fields.get(name) ?? null)
}

function removeFields({ db }: CommandContext, [key, ...names]: string[]): Reply {
  const fields = db.read(key!, 'hash')?.fields
  const removed = names.filter(name => fields?.delete(name)).length
  db.dropIfEmpty(key!)
  return removed
}

function increase({ db }: CommandContext, [key, field, by]: string[]): Reply {
  const step = wholeOf(by)
  const held = db.read(key!, 'hash')?.fields.get(field!) ?? '0'
  if (!/^-?[0-9]+$/.test(held)) throw new CommandFault('hash value is not an integer')
  const sum = wholeOf(held) + step
  db.open(key!, 'hash').fields.set(field!, String(sum))
  return sum
}

function add({ db }: CommandContext, [key, ...items]: string[]): Reply {
  const { members } = db.open(key!, 'set')
  const before = members.size
  for (const item of items) members.add(item)
  return members.size - before
}

function removeMembers({ db }: CommandContext, [key, ...items]: string[]): Reply {
  const members = db.read(key!, 'set')?.members
  const removed = items.filter(item => members?.delete(item)).length
  db.dropIfEmpty(key!)
  return removed
}
