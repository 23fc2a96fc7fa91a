// The switch's end of the measured way: takes what arrives on its socket, says when, and answers just enough for
// calls to exist. Every call is created, and answered when it is told to; it ends when it is killed. It rings no
// phone and checks nothing; test/switch does that.
import { AUTH_REQUEST, apiResponse, commandReply, jobReply } from '../../test/switch/frames.ts'
import { Outbox } from '../../test/switch/outbox.ts'
import { eventBody } from '../esl/eventStream.ts'

export interface Sink {
  port: number
  /** Connections that have subscribed to events. */
  subscribers: number
  /** Called for every command, with the time at which its last byte was read (`performance.now()`). */
  onCommand: (command: string, atMs: number) => void
  /** The length in bytes of the last command by its first word (`bgapi`, `sendevent`), the blank line included. */
  lastBytes: Map<string, number>
  /** How long phones ring, ms. Undefined: nobody answers. */
  ringMs: (() => number) | undefined
  /** Channels that are up or ring. */
  channels: ReadonlyMap<string, Channel>
  hangUpAll(): void
  close(): void
}

interface Channel {
  jobUuid: string
  isAnswered: boolean
}

interface Line {
  outbox: Outbox
  partial: string
  isSubscribed: boolean
}

export function openSink(): Sink {
  const coreUuid = crypto.randomUUID()
  const lines = new Set<Line>()
  const channels = new Map<string, Channel>()

  const listener = Bun.listen<Line>({
    hostname: '127.0.0.1',
    port: 0,
    socket: {
      open(socket) {
        socket.setNoDelay(true)
        const outbox = new Outbox(socket, () => false)
        socket.data = { outbox, partial: '', isSubscribed: false }
        lines.add(socket.data)
        outbox.write(AUTH_REQUEST)
      },
      data({ data: line }, bytes) {
        const atMs = performance.now()
        const commands = (line.partial + bytes.toString('latin1')).split(BLANK_LINE)
        line.partial = commands.pop() ?? ''
        for (const command of commands) {
          sink.onCommand(command, atMs)
          answer(line, command)
        }
      },
      drain: socket => socket.data.outbox.flush(),
      close: socket => void lines.delete(socket.data),
    },
  })

  function answer(line: Line, command: string): void {
    const [word = '', name, argument = ''] = command.split(/[ \n]/, 3)
    sink.lastBytes.set(word, command.length + BLANK_LINE.length)
    if (word === 'bgapi') return name === 'originate' ? originate(line, command) : runJob(line, command)
    if (word === 'api' && name === 'global_getvar') return line.outbox.write(apiResponse(coreUuid))
    if (word === 'api' && name === 'uuid_kill') {
      line.outbox.write(apiResponse(channels.has(argument) ? '+OK\n' : '-ERR No such channel!\n'))
      return hangUp(argument)
    }
    if (word === 'event') line.isSubscribed = true
    // The floor speaks no protocol and reads nothing.
    if (word !== FLOOR_WORD) line.outbox.write(commandReply('+OK'))
  }

  /** Whatever else is asked in the background: no phone is registered, and there is nothing to tell. */
  function runJob(line: Line, command: string): void {
    const jobUuid = jobUuidIn(command)
    line.outbox.write(jobReply(jobUuid))
    fire(jobEvent(jobUuid, '{"row_count":0}\n'))
  }

  function originate(line: Line, command: string): void {
    const uuid = /origination_uuid=([^,}]+)/.exec(command)![1]!
    const jobUuid = jobUuidIn(command)
    const channel: Channel = { jobUuid, isAnswered: false }
    channels.set(uuid, channel)
    line.outbox.write(jobReply(jobUuid))
    fire(channelEvent('CHANNEL_CREATE', uuid))
    if (sink.ringMs === undefined) return
    setTimeout(() => {
      if (channels.get(uuid) !== channel) return
      channel.isAnswered = true
      fire(channelEvent('CHANNEL_ANSWER', uuid))
      fire(jobEvent(jobUuid, `+OK ${uuid}\n`))
    }, sink.ringMs())
  }

  function hangUp(uuid: string): void {
    const channel = channels.get(uuid)
    if (!channel) return
    channels.delete(uuid)
    if (!channel.isAnswered) fire(jobEvent(channel.jobUuid, '-ERR NORMAL_CLEARING\n'))
    fire(channelEvent('CHANNEL_HANGUP', uuid))
    fire(channelEvent('CHANNEL_HANGUP_COMPLETE', uuid))
  }

  /** Every agent of a switch gets all events of calls with a dial id. */
  function fire(event: string): void {
    for (const line of lines) if (line.isSubscribed) line.outbox.write(event)
  }

  const sink: Sink = {
    port: listener.port,
    get subscribers() {
      return [...lines].filter(line => line.isSubscribed).length
    },
    onCommand: () => {},
    lastBytes: new Map(),
    ringMs: undefined,
    channels,
    hangUpAll() {
      for (const uuid of [...channels.keys()]) hangUp(uuid)
    },
    close: () => listener.stop(true),
  }
  return sink
}

const BLANK_LINE = '\n\n'

/** The floor's lines begin with this. */
export const FLOOR_WORD = 'floor'

/** A recorded event of 5 KB, of which the name and the channel are changed. */
const RECORDED = eventBody('plain').toString('latin1')
const REST = RECORDED.replace(/^Event-Name: .*\n/m, '').replace(/^Unique-ID: .*\n/m, '')

function channelEvent(name: string, uuid: string): string {
  const cause = name.startsWith('CHANNEL_HANGUP') ? 'Hangup-Cause: NORMAL_CLEARING\n' : ''
  return frame(`Event-Name: ${name}\nUnique-ID: ${uuid}\n${cause}${REST}`)
}

function jobEvent(jobUuid: string, answer: string): string {
  const head = `Event-Name: BACKGROUND_JOB\nJob-UUID: ${jobUuid}\nJob-Command: originate\n`
  return frame(`${head}Content-Length: ${answer.length}\n\n${answer}`)
}

const frame = (body: string): string =>
  `Content-Length: ${body.length}\nContent-Type: text/event-plain\n\n${body}`

const jobUuidIn = (command: string): string => /\nJob-UUID: (\S+)/.exec(command)![1]!
