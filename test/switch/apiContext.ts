// What an API command is given and how it may answer, and the two checks that most of them begin with. The commands
// themselves stand in the tables of apiChannels.ts, apiMedia.ts and apiSwitch.ts.

import type { Channel } from './channel.ts'
import type { Exchange } from './exchange.ts'

export interface ApiCall {
  /** The whole command, name and arguments. */
  text: string
  connection: number
  /** Of a job; undefined for a blocking call. */
  jobUuid: string | undefined
  /** Told the result exactly once; maybe later. */
  done: (result: string) => void
}

export interface ApiContext {
  exchange: Exchange
  call: ApiCall
  /** The text after the command's name, and the same cut at blanks and cleaned. */
  rest: string
  args: string[]
  /** Runs another command, whose result nobody wants. */
  run: (text: string) => void
}

/** @returns the result, or undefined when `call.done` will be told it. */
export type ApiCommand = (context: ApiContext) => string | undefined

export const NO_CHANNEL = '-ERR No such channel!\n'

/** Runs `act` on the leg that the first argument names, or says that there is none. The words for that differ from
 *  command to command. */
export const onChannel =
  (act: (leg: Channel, context: ApiContext) => string | undefined, missing = NO_CHANNEL): ApiCommand =>
  context => {
    const leg = context.exchange.find(context.args[0] ?? '')
    return leg ? act(leg, context) : missing
  }

/** Answers with the usage when there are too few arguments. */
export const needing =
  (count: number, usage: string, command: ApiCommand): ApiCommand =>
  context =>
    context.args.length < count ? `-USAGE: ${usage}\n` : command(context)
