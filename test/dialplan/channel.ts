// One channel of a FreeSWITCH whose dialplan has come to `socket`: it connects, tells whose channel it is, answers what
// it is told as the recordings do, and goes on when it is let go, or when its socket ends.
import { CallingPeer } from '../esl/callingSwitch.ts'

export interface ChannelOptions {
  /** A new one if not said. */
  uuid?: string
  /** Of the channel; `Caller-Caller-ID-Name` and `variable_…` as FreeSWITCH writes them, percent-encoded here. */
  headers?: Record<string, string>
  /** Sent as they are, after the others. */
  rawLines?: string
  account?: string
  /** Bytes in one piece; all at once if not said. */
  pieceBytes?: number
  /** Told of each application when it is executed. */
  onExecute?: (application: string) => void
}

export interface DialplanChannel {
  uuid: string
  peer: CallingPeer
  /** Applications that were executed so far: `ring_ready`, `set hookswitch_status=ACK`. */
  executed: string[]
  /** Variables that were set so far. */
  variables: Map<string, string>
  /** Resolves when the application has been executed, past or future. */
  executes(application: string): Promise<void>
  /** Resolves with how the dialplan went on: let go in good order, or left alone. */
  wentOn: Promise<'let go' | 'left alone'>
  /** The caller hangs up: CHANNEL_HANGUP, then the end of the stream. */
  hangUp(): void
}

const OK = 'Content-Type: command/reply\nReply-Text: +OK\n\n'

export async function openChannel(port: number, options: ChannelOptions = {}): Promise<DialplanChannel> {
  const uuid = options.uuid ?? crypto.randomUUID()
  const headers = {
    'Event-Name': 'CHANNEL_DATA',
    'Unique-ID': uuid,
    'Caller-Caller-ID-Name': 'Ann',
    'Caller-Caller-ID-Number': '+15105550100',
    ...(options.account === undefined ? {} : { variable_hookswitch_account: options.account }),
    ...options.headers,
  }
  const head = Object.entries(headers)
    .map(([name, value]) => `${name}: ${encodeURIComponent(value)}\n`)
    .join('')
  const executed: string[] = []
  const variables = new Map<string, string>()
  const waiting = new Set<() => void>()
  const gone = Promise.withResolvers<'let go' | 'left alone'>()

  const say = async (peer: CallingPeer, text: string) => {
    const bytes = Buffer.from(text)
    const size = options.pieceBytes ?? bytes.length
    for (let at = 0; at < bytes.length; at += size) {
      peer.send(bytes.subarray(at, at + size))
      if (size < bytes.length) await new Promise(setImmediate)
    }
  }
  let said = Promise.resolve()
  const peer = await CallingPeer.connect(port, (packet, peer) => {
    const answer = answerTo(packet)
    said = said.then(() => say(peer, answer))
    if (packet === 'exit') {
      gone.resolve('let go')
      said = said.then(() => peer.end())
    }
  })
  void peer.closed.promise.then(() => gone.resolve('left alone'))

  function answerTo(packet: string): string {
    if (packet === 'connect')
      return `${head}${options.rawLines ?? ''}Content-Type: command/reply\nReply-Text: +OK\n\n`
    if (packet === 'exit')
      return 'Content-Type: command/reply\nReply-Text: +OK bye\n\nContent-Type: text/disconnect-notice\nContent-Length: 0\n\n'
    const lines = packet.split('\n')
    if (lines[0] === 'sendmsg') {
      const headerOf = (name: string) =>
        lines.find(line => line.startsWith(`${name}: `))?.slice(name.length + 2) ?? ''
      const argument = headerOf('execute-app-arg')
      const name = headerOf('execute-app-name')
      const application = argument === '' ? name : `${name} ${argument}`
      executed.push(application)
      options.onExecute?.(application)
      const [, variable, text] = /^([^=]+)=(.*)$/.exec(argument) ?? []
      if (name === 'set' && variable) variables.set(variable, text!)
      for (const look of waiting) look()
    }
    return OK
  }

  return {
    uuid,
    peer,
    executed,
    variables,
    wentOn: gone.promise,
    executes(application) {
      const { promise, resolve } = Promise.withResolvers<void>()
      const look = () => {
        if (!executed.includes(application)) return
        waiting.delete(look)
        resolve()
      }
      waiting.add(look)
      look()
      return promise
    },
    hangUp() {
      const body = `Event-Name: CHANNEL_HANGUP\nUnique-ID: ${uuid}\nHangup-Cause: ORIGINATOR_CANCEL\n\n`
      peer.send(`Content-Length: ${body.length}\nContent-Type: text/event-plain\n\n${body}`)
      peer.end()
    },
  }
}
