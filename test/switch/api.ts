// Finds an API command by its name and runs it. Every command is answered exactly once, an unknown one with
// FreeSWITCH's words for that.

import { CHANNEL_COMMANDS } from './apiChannels.ts'
import type { ApiCall } from './apiContext.ts'
import { MEDIA_COMMANDS } from './apiMedia.ts'
import { SWITCH_COMMANDS } from './apiSwitch.ts'
import type { Exchange } from './exchange.ts'
import { splitAtBlanks } from './tokens.ts'

export function runApi(exchange: Exchange, call: ApiCall): void {
  const blank = call.text.indexOf(' ')
  const name = blank < 0 ? call.text : call.text.slice(0, blank)
  const rest = blank < 0 ? '' : call.text.slice(blank + 1)
  const isKnown = exchange.settings.modules.includes('mod_commands')
  const command = !isKnown
    ? undefined
    : (CHANNEL_COMMANDS[name] ?? MEDIA_COMMANDS[name] ?? SWITCH_COMMANDS[name])
  if (!command) return call.done(`-ERR ${name} Command not found!\n`)
  const run = (text: string): void => runApi(exchange, { ...call, text, done: () => {} })
  const result = command({ exchange, call, rest, args: splitAtBlanks(rest), run })
  if (result !== undefined) call.done(result)
}
