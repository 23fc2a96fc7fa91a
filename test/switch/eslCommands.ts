// The commands of the event socket itself: who may speak, which events are wanted, and the way to the API. Each is
// answered exactly once, in FreeSWITCH's words.

import { runApi } from './api.ts'
import type { Connection } from './connection.ts'
import { sendCommand } from './eavesdrop.ts'
import type { Headers } from './events.ts'
import { apiResponse, type Command, commandReply, GOODBYE, headerOf, jobReply } from './frames.ts'
import { noteHazard } from './injections.ts'

type Answer = (frame: string) => void

/** Runs one command. An empty answer means that everything has been written already. */
export function runCommand(connection: Connection, command: Command, answer: Answer): void {
  const { line } = command
  const { plant } = connection.exchange
  const headers = command.headers.map(([name, value]) => (value === undefined ? name : `${name}: ${value}`))
  plant.records.add({ kind: 'command', connection: connection.number, command: line, headers })
  const [verb = ''] = line.split(' ', 1)
  if (/^(exit|\.\.\.)/i.test(line)) return leave(connection, '+OK bye')
  if (!connection.isAuthenticated) return authenticate(connection, line, answer)
  const run = COMMANDS[verb.toLowerCase()]
  if (run) return run(connection, command, answer)
  noteHazard(plant, connection.number, { kind: 'unknown-command', detail: line })
  answer(commandReply('-ERR command not found'))
}

const COMMANDS: Record<string, (connection: Connection, command: Command, answer: Answer) => void> = {
  api: runBlockingApi,
  bgapi: runJob,
  event: (connection, { line }, answer) => {
    const words = wordsAfterVerb(line)
    const format = words[0]?.toLowerCase()
    if (format === 'plain' || format === 'json') {
      connection.format = format
      words.shift()
    }
    if (connection.subscription.add(words) === 0) return answer(commandReply('-ERR no keywords supplied'))
    connection.isListening = true
    answer(commandReply(`+OK event listener enabled ${connection.format}`))
  },
  nixevent: (connection, { line }, answer) => {
    const count = connection.subscription.remove(wordsAfterVerb(line))
    answer(commandReply(count === 0 ? '-ERR no keywords supplied' : '+OK events nixed'))
  },
  noevents: (connection, _command, answer) => {
    const wasListening = connection.isListening
    connection.isListening = false
    connection.subscription.clear()
    answer(
      commandReply(wasListening ? '+OK no longer listening for events' : '-ERR not listening for events'),
    )
  },
  filter: (connection, { line }, answer) => answer(commandReply(filter(connection, line))),
  sendevent: sendEvent,
}

function authenticate(connection: Connection, line: string, answer: Answer): void {
  const { settings, misbehaviour } = connection.exchange
  if (!/^auth /i.test(line)) return answer(commandReply('-ERR command not found'))
  if (line.slice('auth '.length) === settings.password && !misbehaviour.refusePassword) {
    connection.isAuthenticated = true
    return answer(commandReply('+OK accepted'))
  }
  leave(connection, '-ERR invalid')
}

// A wrong password is answered like a farewell: one try for each connection.
function leave(connection: Connection, text: string): void {
  connection.write(commandReply(text))
  connection.write(GOODBYE)
  connection.close()
}

const wordsAfterVerb = (line: string): string[] => line.split(' ').slice(1).filter(Boolean)

function filter({ filters }: Connection, line: string): string {
  const [, first = '', ...rest] = line.replace(/^filter +/i, 'filter ').split(' ')
  if (rest.length === 0) return '-ERR invalid syntax'
  if (first.toLowerCase() === 'delete') {
    const [header = '', ...value] = rest
    const text = value.length > 0 ? value.join(' ') : undefined
    filters.delete(header, text)
    return `+OK filter deleted. [${header}][${text ?? ''}]`
  }
  const [header, value] =
    first.toLowerCase() === 'add' ? [rest[0]!, rest.slice(1).join(' ')] : [first, rest.join(' ')]
  filters.add(header, value)
  return `+OK filter added. [${header}]=[${value}]`
}

/** An event for a living leg goes to that leg and to nobody else; any other is fired for whoever wants CUSTOM. The
 *  reply is the same. */
function sendEvent({ exchange }: Connection, command: Command, answer: Answer): void {
  const eventUuid = exchange.settings.newUuid()
  const subclass = headerOf(command.headers, 'Event-Subclass')
  const leg = exchange.find(headerOf(command.headers, 'unique-id') ?? '')
  if (leg) {
    const keys = headerOf(command.headers, 'eavesdrop-command')
    if (keys !== undefined) sendCommand(exchange, leg, keys)
  } else {
    const sent: Headers = ['Command', command.line]
    for (const [name, value] of command.headers) if (value !== undefined) sent.push(name, value)
    exchange.timers.soon(() => exchange.fireCustom(subclass, [], [...sent, 'Event-UUID', eventUuid]))
  }
  answer(commandReply(`+OK ${eventUuid}`))
}

/** Blocks the socket until it is done: no reply and no event goes out meanwhile. */
function runBlockingApi(connection: Connection, command: Command, answer: Answer): void {
  noteStrayHeaders(connection, command, [])
  connection.block()
  runApi(connection.exchange, {
    text: command.line.slice('api '.length),
    connection: connection.number,
    jobUuid: undefined,
    done: result => answer(apiResponse(result)),
  })
}

/** Runs beside everything else: answered at once, its result comes as an event, to every socket that wants those. */
function runJob(connection: Connection, command: Command, answer: Answer): void {
  noteStrayHeaders(connection, command, ['job-uuid'])
  const { exchange } = connection
  const jobUuid = headerOf(command.headers, 'job-uuid') || exchange.settings.newUuid()
  const text = command.line.slice('bgapi '.length)
  answer(jobReply(jobUuid))
  runApi(exchange, {
    text,
    connection: connection.number,
    jobUuid,
    done: result => {
      const { jobDelayMs, loseJobs } = exchange.misbehaviour
      if (loseJobs) return
      const [name = '', ...args] = text.split(' ')
      const headers: Headers = ['Job-UUID', jobUuid, 'Job-Command', name]
      if (args.length > 0) headers.push('Job-Command-Arg', args.join(' '))
      const fire = (): void => exchange.fireGeneral('BACKGROUND_JOB', headers, { body: result })
      if (jobDelayMs > 0) exchange.timers.after(jobDelayMs, fire)
      else fire()
    },
  })
}

// A line feed that came in with a field turns the rest of the field into a header of the command.
function noteStrayHeaders(connection: Connection, command: Command, known: string[]): void {
  for (const [name, value] of command.headers) {
    if (known.includes(name.toLowerCase())) continue
    const detail = `${command.line.split(' ', 2).join(' ')} / ${name}: ${value ?? ''}`
    noteHazard(connection.exchange.plant, connection.number, { kind: 'header', detail })
  }
}
