// Asterisk tells hookswitch which phones register: listens at its manager interface (AMI) for ContactStatus, and posts each
// Contact to /api/registered/. Phones that say in it how they are pushed (RFC 8599) become devices, and wakes are confirmed.
//
//   AMI_HOST=127.0.0.1 AMI_PORT=5038 AMI_USER=hookswitch AMI_SECRET=... HOOKSWITCH=http://127.0.0.1:8080 PBX_TOKEN=... bun relay.ts
//
// Wants `read = system` for that user in manager.conf, and `qualify_frequency = 0` for the phones' AORs: then each REGISTER gives
// one event of the status NonQualified (res/res_pjsip/pjsip_options.c), and nothing else does. `Removed` is not told on: it comes
// for a phone that signs off and for one that sleeps beyond its binding, which shall be woken all the same.
import { connect, type Socket } from 'node:net'

export interface RelaySettings {
  host: string
  port: number
  user: string
  secret: string
  /** Where hookswitch's public listener is. */
  hookswitch: string
  pbxToken?: string
  /** After a broken line. */
  againAfterMs?: number
  onTold?: (status: number, answer: string) => void
}

/** Below Asterisk's own limit of a Contact, so that a broken line ends. */
const BUFFER_CHARACTERS_MAX = 65_536

const AGAIN_AFTER_MS = 1_000
const POST_TIMEOUT_MS = 3_000

/** Listens until `stopping`, and connects again whenever the line breaks. */
export function relay(settings: RelaySettings, stopping: AbortSignal): void {
  /** One after the other, over all lines: the order of REGISTERs is what counts. */
  let told = Promise.resolve()
  const hear = (message: string): void => {
    const fields = fieldsOf(message)
    if (fields.get('Response') === 'Error') console.error('Asterisk refuses:', fields.get('Message'))
    if (fields.get('Event') === 'ContactStatus' && IS_REGISTER.test(fields.get('ContactStatus') ?? ''))
      told = told.then(() => tell(settings, fields))
  }
  const listen = (): void => {
    if (stopping.aborted) return
    const socket = connect(settings.port, settings.host)
    const stop = () => socket.destroy()
    stopping.addEventListener('abort', stop)
    socket.on('connect', () =>
      send(socket, { Action: 'Login', Username: settings.user, Secret: settings.secret }),
    )
    readMessages(socket, hear)
    socket.on('error', error => console.error('Asterisk’s manager interface:', error.message))
    socket.on('close', () => {
      stopping.removeEventListener('abort', stop)
      setTimeout(listen, settings.againAfterMs ?? AGAIN_AFTER_MS)
    })
  }
  listen()
}

/** A message ends with an empty line. */
function readMessages(socket: Socket, hear: (message: string) => void): void {
  let unread = ''
  socket.setEncoding('utf8')
  socket.on('data', (text: string) => {
    const messages = (unread + text).split('\r\n\r\n')
    unread = messages.pop() ?? ''
    if (unread.length > BUFFER_CHARACTERS_MAX) socket.destroy()
    for (const message of messages) hear(message)
  })
}

/** Before Asterisk 16 its word was Unknown. */
const IS_REGISTER = /^(NonQualified|Unknown)$/

const send = (socket: Socket, fields: Record<string, string>): boolean =>
  socket.write(
    `${Object.entries(fields)
      .map(([name, value]) => `${name}: ${value}`)
      .join('\r\n')}\r\n\r\n`,
  )

const fieldsOf = (message: string): Map<string, string> =>
  new Map(
    message.split('\r\n').flatMap(line => {
      const colon = line.indexOf(': ')
      return colon < 0 ? [] : [[line.slice(0, colon), line.slice(colon + 2)] as const]
    }),
  )

async function tell(settings: RelaySettings, fields: Map<string, string>): Promise<void> {
  const { hookswitch, pbxToken } = settings
  try {
    const response = await fetch(`${hookswitch}/api/registered/`, {
      method: 'POST',
      headers: pbxToken ? { authorization: `Bearer ${pbxToken}` } : {},
      body: new URLSearchParams({ sip_user_id: fields.get('AOR') ?? '', contact: fields.get('URI') ?? '' }),
      signal: AbortSignal.timeout(POST_TIMEOUT_MS),
    })
    const answer = await response.text()
    if (!response.ok) console.error('hookswitch refuses:', response.status, answer)
    settings.onTold?.(response.status, answer)
  } catch (error) {
    // The phone's next REGISTER is told again.
    console.error('hookswitch does not answer:', (error as Error).message)
  }
}

if (import.meta.main) {
  const { env } = process
  const stopping = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => stopping.abort())
  relay(
    {
      host: env.AMI_HOST ?? '127.0.0.1',
      port: Number(env.AMI_PORT ?? 5038),
      user: env.AMI_USER ?? 'hookswitch',
      secret: env.AMI_SECRET ?? '',
      hookswitch: env.HOOKSWITCH ?? 'http://127.0.0.1:8080',
      ...(env.PBX_TOKEN ? { pbxToken: env.PBX_TOKEN } : {}),
    },
    stopping.signal,
  )
}
