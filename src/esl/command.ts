// The one type that may be sent to a switch, and the last check before anything is. Builders (originate.ts,
// commands.ts) make commands from allow-listed values; this file trusts nobody and refuses what could be read as more
// than one command. A refusal here is a bug in a builder, so it throws.
import { assert } from '../base/result.ts'

declare const commandBrand: unique symbol

/** One line for `api` or `bgapi`, without those words: `uuid_kill <uuid> NORMAL_CLEARING`. */
export type EslCommand = string & { readonly [commandBrand]: true }

/** An event to fire on the switch with `sendevent`: its name and its headers, in order. */
export interface EslMessage {
  eventName: string
  headers: readonly (readonly [name: string, value: string])[]
}

/** FreeSWITCH itself takes 10 MB. The longest of ours, an asp-call's originate, is below 4 KB. */
const COMMAND_CHARACTERS_MAX = 16 * 1024

// mod_event_socket looks for these words anywhere in a command and then runs `bgapi reload mod_event_socket` (or
// `unload`) instead, which cuts every event socket of the switch (parse_command; measured on 1.10.12).
const SOCKET_MODULE = /mod_event_socket/i

/** Makes a command of a builder's text. @throws when it is not one line of printable ASCII within the bound. */
export function asCommand(text: string): EslCommand {
  assert(/^[\x20-\x7e]+$/.test(text), 'a command is one line of printable ASCII')
  assert(text.length <= COMMAND_CHARACTERS_MAX, 'a command is at most 16 KiB')
  return asWireText(text) as EslCommand
}

/** The last line of defence, called for every line that goes out, also for text whose brand was forged.
 *  @throws on a CR, LF or NUL, and on the name of the event socket's own module. */
export function asWireText(line: string): string {
  assert(!/[\0\r\n]/.test(line), 'a line for the switch has no line end and no NUL in it')
  assert(!SOCKET_MODULE.test(line), 'no command names the event socket module')
  return line
}

/** One command as it is sent: its line, and the header lines that follow it. */
export interface EslPacket {
  line: string
  headers?: Readonly<Record<string, string>> | undefined
}

/** The packet that fires a message: `sendevent <name>` and its headers. @throws as `asWireText` does. */
export function messagePacket({ eventName, headers }: EslMessage): EslPacket {
  const packet = { line: `sendevent ${eventName}`, headers: Object.fromEntries(headers) }
  wireOf(packet)
  return packet
}

/** A packet's bytes: its lines and a blank line. @throws as `asWireText` does. */
export function wireOf({ line, headers = {} }: EslPacket): string {
  let wire = `${asWireText(line)}\n`
  for (const name of Object.keys(headers)) wire += `${asWireText(`${name}: ${headers[name]}`)}\n`
  return `${wire}\n`
}
