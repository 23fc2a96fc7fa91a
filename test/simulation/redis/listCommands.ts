// Commands of lists. What waits for an item (BLMOVE, BLPOP) stands with the connections; here is what it does when
// there is one.
import { type Command, type CommandContext, CommandFault, sliceOf, syntaxError, wholeOf } from './command.ts'
import type { Database } from './database.ts'
import { OK, type Reply } from './reply.ts'

export const LIST_COMMANDS: Record<string, Command> = {
  rpush: { arity: -3, writes: true, run: (c, args) => push(c, args, 'RIGHT') },
  lpush: { arity: -3, writes: true, run: (c, args) => push(c, args, 'LEFT') },
  lpop: { arity: -2, writes: true, isAllowedWhenFull: true, run: (c, args) => pop(c, args, 'LEFT') },
  rpop: { arity: -2, writes: true, isAllowedWhenFull: true, run: (c, args) => pop(c, args, 'RIGHT') },
  lmove: { arity: 5, writes: true, run: move },
  llen: { arity: 2, run: ({ db }, [key]) => db.read(key!, 'list')?.items.length ?? 0 },
  lrange: { arity: 4, run: range },
  lindex: { arity: 3, run: ({ db }, [key, at]) => db.read(key!, 'list')?.items.at(wholeOf(at)) ?? null },
  lrem: { arity: 4, writes: true, isAllowedWhenFull: true, run: remove },
  ltrim: { arity: 4, writes: true, isAllowedWhenFull: true, run: trim },
  lpos: { arity: -3, run: position },
}

/** An end of a list, as BLMOVE names it. */
export type End = 'LEFT' | 'RIGHT'

function push({ db }: CommandContext, [key, ...items]: string[], end: End): Reply {
  const list = db.open(key!, 'list')
  for (const item of items) end === 'LEFT' ? list.items.unshift(item) : list.items.push(item)
  return list.items.length
}

/** Takes one item out. @returns undefined when there is none. @throws WrongType */
export function takeItem(db: Database, key: string, end: End): string | undefined {
  const list = db.read(key, 'list')
  const item = end === 'LEFT' ? list?.items.shift() : list?.items.pop()
  db.dropIfEmpty(key)
  return item
}

function pop({ db }: CommandContext, [key, count, ...more]: string[], end: End): Reply {
  if (more.length > 0)
    throw new CommandFault(`wrong number of arguments for '${end === 'LEFT' ? 'l' : 'r'}pop' command`)
  if (count === undefined) return takeItem(db, key!, end) ?? null
  if (!/^[0-9]+$/.test(count)) throw new CommandFault('value is out of range, must be positive')
  if (!db.read(key!, 'list')) return { nullArray: true }
  const taken: string[] = []
  while (taken.length < Number(count)) {
    const item = takeItem(db, key!, end)
    if (item === undefined) break
    taken.push(item)
  }
  return taken
}

/** @throws CommandFault for anything else. */
export function endOf(text: string | undefined): End {
  const end = text?.toUpperCase()
  if (end !== 'LEFT' && end !== 'RIGHT') throw syntaxError()
  return end
}

function move({ db }: CommandContext, [from, to, fromEnd, toEnd]: string[]): Reply {
  return moveItem(db, { from: from!, to: to!, fromEnd: endOf(fromEnd), toEnd: endOf(toEnd) })
}

export interface Move {
  from: string
  to: string
  fromEnd: End
  toEnd: End
}

/** What a connection waits to take: an item to move (BLMOVE), or an item to have (BLPOP). */
export type Taking = Move | { from: string; fromEnd: End; to?: undefined }

/** @returns what the one that waits is told, or null when there is no item. @throws WrongType */
export function take(db: Database, taking: Taking): Reply {
  if (taking.to !== undefined) return moveItem(db, taking)
  const item = takeItem(db, taking.from, taking.fromEnd)
  return item === undefined ? null : [taking.from, item]
}

/** Moves one item from list to list. @returns null when there is none. @throws WrongType */
export function moveItem(db: Database, { from, to, fromEnd, toEnd }: Move): string | null {
  if (!db.read(from, 'list')) return null
  // Looked at first: an item that finds no place stays where it is.
  db.read(to, 'list')
  const item = takeItem(db, from, fromEnd)
  if (item === undefined) return null
  const { items } = db.open(to, 'list')
  if (toEnd === 'LEFT') items.unshift(item)
  else items.push(item)
  return item
}

function range({ db }: CommandContext, [key, start, stop]: string[]): Reply {
  const [from, to] = [wholeOf(start), wholeOf(stop)]
  return sliceOf(db.read(key!, 'list')?.items ?? [], from, to)
}

function remove({ db }: CommandContext, [key, count, item]: string[]): Reply {
  const most = wholeOf(count)
  const list = db.read(key!, 'list')
  if (!list) return 0
  let removed = 0
  const keeps = (each: string): boolean => {
    if (each !== item || (most !== 0 && removed >= Math.abs(most))) return true
    removed += 1
    return false
  }
  list.items = most < 0 ? list.items.toReversed().filter(keeps).toReversed() : list.items.filter(keeps)
  db.dropIfEmpty(key!)
  return removed
}

function trim({ db }: CommandContext, [key, start, stop]: string[]): Reply {
  const [from, to] = [wholeOf(start), wholeOf(stop)]
  const list = db.read(key!, 'list')
  if (list) list.items = sliceOf(list.items, from, to)
  db.dropIfEmpty(key!)
  return OK
}

/** LPOS with RANK and MAXLEN; COUNT is asked for by nobody here. */
function position({ db }: CommandContext, [key, item, ...options]: string[]): Reply {
  let [rank, most] = [1, 0]
  for (let at = 0; at < options.length; at += 2) {
    const option = options[at]!.toLowerCase()
    if (options[at + 1] === undefined) throw syntaxError()
    const number = wholeOf(options[at + 1])
    if (option === 'rank') rank = number
    else if (option === 'maxlen') most = number
    else throw syntaxError()
  }
  if (rank === 0)
    throw new CommandFault(
      "RANK can't be zero: use 1 to start from the first match, 2 from the second ... or use negative to start from the end of the list",
    )
  if (most < 0) throw new CommandFault("MAXLEN can't be negative")
  const items = db.read(key!, 'list')?.items ?? []
  const looked = most === 0 ? items.length : Math.min(most, items.length)
  let left = Math.abs(rank)
  for (let step = 0; step < looked; step++) {
    const at = rank > 0 ? step : items.length - 1 - step
    if (items[at] === item && --left === 0) return at
  }
  return null
}
