// What a command of the model is made of: how many words it takes, whether it writes, and what it does to the database.
// Numbers are read as strictly as Redis reads them.
import type { Database } from './database.ts'
import { type ErrorReply, failure, type Reply } from './reply.ts'

export interface CommandContext {
  db: Database
  /** Whole milliseconds, as Redis keeps its clock. */
  nowMs: number
}

export interface Command {
  /** With the command's own name; negative: at least so many. */
  arity: number
  /** Refused while Redis is full or a replica. */
  writes?: boolean
  /** Takes data away, and so is allowed while Redis is full. */
  isAllowedWhenFull?: boolean
  /** @param args without the name, one character a byte. @throws CommandFault, WrongType */
  run: (context: CommandContext, args: string[]) => Reply
}

/** Ends a command with an error reply. */
export class CommandFault extends Error {
  override readonly name = 'CommandFault'
  readonly reply: ErrorReply

  constructor(text: string) {
    super(text)
    this.reply = failure(text)
  }
}

export const takes = (arity: number, words: readonly string[]): boolean =>
  arity < 0 ? words.length >= -arity : words.length === arity

export const wrongCount = (name: string): ErrorReply =>
  failure(`wrong number of arguments for '${name}' command`)

export const syntaxError = (): CommandFault => new CommandFault('syntax error')

/** A whole number as Redis takes it: no blank, no plus, no zero in front. */
const WHOLE = /^(0|-?[1-9][0-9]{0,18})$/

export function wholeOf(text: string | undefined): number {
  if (text === undefined || !WHOLE.test(text))
    throw new CommandFault('value is not an integer or out of range')
  return Number(text)
}

export function scoreOf(text: string | undefined): number {
  const lower = text?.toLowerCase()
  if (lower === 'inf' || lower === '+inf') return Number.POSITIVE_INFINITY
  if (lower === '-inf') return Number.NEGATIVE_INFINITY
  const score = text === undefined || text.trim() === '' || text !== text.trim() ? Number.NaN : Number(text)
  if (Number.isNaN(score)) throw new CommandFault('value is not a valid float')
  return score
}

/** The part of a list that LRANGE, LTRIM and ZRANGE mean: both ends included, negative ones from the end. */
export function sliceOf<Item>(items: readonly Item[], start: number, stop: number): Item[] {
  const from = Math.max(0, start < 0 ? items.length + start : start)
  const to = stop < 0 ? items.length + stop : stop
  return from > to ? [] : items.slice(from, to + 1)
}

/** Names and values that alternate. */
export function pairsOf(args: readonly string[], name: string): [string, string][] {
  if (args.length === 0 || args.length % 2 !== 0)
    throw new CommandFault(`wrong number of arguments for '${name}' command`)
  return Array.from({ length: args.length / 2 }, (_, at) => [args[2 * at]!, args[2 * at + 1]!])
}
