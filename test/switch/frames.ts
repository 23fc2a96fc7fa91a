// The bytes of the event socket: commands in, replies out. A text here is a string of bytes (latin1). What a command
// does is decided in eslCommands.ts; events write themselves.

/** One command as it came: a first line, header lines, and a body if Content-Length announced one. */
export interface Command {
  line: string
  /** In the order of the wire. Of a line without a colon the value is undefined. */
  headers: [name: string, value: string | undefined][]
  body: string
}

// FreeSWITCH reads up to 10 MB; nothing that a test sends comes near this.
const COMMAND_BYTES_MAX = 1 << 20

/** Cuts what arrives into commands. A blank line ends a command; line ends may be CR LF. */
export class CommandReader {
  #pending = ''

  /** @returns the commands completed by these bytes.
   *  @throws when a command grows beyond a megabyte: that is a bug of the client's. */
  push(bytes: string): Command[] {
    this.#pending += bytes
    if (this.#pending.length > COMMAND_BYTES_MAX) throw new Error('test switch: a command of more than 1 MB')
    const commands: Command[] = []
    for (let command = this.#take(); command; command = this.#take()) commands.push(command)
    return commands
  }

  #take(): Command | undefined {
    const text = this.#pending.replace(/^[\r\n]+/, '')
    const end = /\n\r?\n/.exec(text)
    if (!end) {
      this.#pending = text
      return undefined
    }
    const [line = '', ...rest] = text.slice(0, end.index).split(/\r?\n/)
    const headers = rest.map(parseHeader)
    const bodyFrom = end.index + end[0].length
    const bodyLength = Number.parseInt(headerOf(headers, 'content-length') ?? '0', 10) || 0
    if (text.length < bodyFrom + bodyLength) {
      this.#pending = text
      return undefined
    }
    this.#pending = text.slice(bodyFrom + bodyLength)
    return { line, headers, body: text.slice(bodyFrom, bodyFrom + bodyLength) }
  }
}

const parseHeader = (line: string): [string, string | undefined] => {
  const colon = line.indexOf(':')
  return colon < 0 ? [line, undefined] : [line.slice(0, colon), line.slice(colon + 1).replace(/^ +/, '')]
}

/** A header's value, its name in any case. */
export const headerOf = (headers: Command['headers'], name: string): string | undefined =>
  headers.find(([each]) => each.toLowerCase() === name.toLowerCase())?.[1]

export const AUTH_REQUEST = 'Content-Type: auth/request\n\n'

/** Replies name their content type first; events say their length first. */
export const commandReply = (text: string): string => `Content-Type: command/reply\nReply-Text: ${text}\n\n`

/** The id stands twice, in the text and as a header of its own. */
export const jobReply = (jobUuid: string): string =>
  `Content-Type: command/reply\nReply-Text: +OK Job-UUID: ${jobUuid}\nJob-UUID: ${jobUuid}\n\n`

export const apiResponse = (text: string): string => {
  const body = text === '' ? '-ERR no reply\n' : text
  return `Content-Type: api/response\nContent-Length: ${body.length}\n\n${body}`
}

const disconnectNotice = (text: string): string =>
  `Content-Type: text/disconnect-notice\nContent-Length: ${text.length}\n\n${text}`

export const GOODBYE = disconnectNotice(
  'Disconnected, goodbye.\nSee you at ClueCon! http://www.cluecon.com/\n',
)
export const SHUTDOWN_NOTICE = disconnectNotice('The system is being shut down.\n')
