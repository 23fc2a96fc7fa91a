// What a switch or a PBX does at a front, for the measurements: opens a call at the dialplan's socket or by HTTP, and holds
// it. The channel's data are as long as FreeSWITCH's own. How long anything takes is measured elsewhere.
import { type DialplanChannel, openChannel } from '../../test/dialplan/channel.ts'
import { eventually, readMetrics } from '../../test/harness/internal.ts'

/** A channel of FreeSWITCH 1.10 says some 140 lines of itself, 5 kB. */
const FURTHER_LINES = Array.from(
  { length: 120 },
  (_, line) => `variable_of_the_channel_${line}: some%20text%20${line}\n`,
)

/** As the dialplan's `socket` opens it. */
export const callBySocket = (port: number, account: string): Promise<DialplanChannel> =>
  openChannel(port, { account, rawLines: FURTHER_LINES.join('') })

export interface HttpCall {
  id: string
  /** Resolves when the front has answered. */
  answered: Promise<void>
  close(): void
}

/** As a PBX posts it, on a connection of its own. */
export async function callByHttp(port: number, account: string): Promise<HttpCall> {
  const id = crypto.randomUUID()
  const form = `sip_user_id=${account}&phonenumber=%2B15105550100&caller_id=Ann&call_id=${id}`
  const { promise, resolve } = Promise.withResolvers<void>()
  const socket = await Bun.connect({
    hostname: '127.0.0.1',
    port,
    socket: { data: () => resolve(), close: () => resolve(), error: () => resolve() },
  })
  const head = ['POST /api/incoming-call/ HTTP/1.1', 'Host: 127.0.0.1', `Content-Length: ${form.length}`]
  socket.write([...head, 'Content-Type: application/x-www-form-urlencoded', '', form].join('\r\n'))
  return { id, answered: promise, close: () => socket.terminate() }
}

/** Android phones of the accounts `<first>` and on, one each. */
export async function registerPhones(baseUrl: string, first: number, count: number): Promise<void> {
  for (let from = 0; from < count; from += AT_ONCE)
    await Promise.all(
      Array.from({ length: Math.min(AT_ONCE, count - from) }, async (_, at) => {
        const account = String(first + from + at)
        const form = { sip_user_id: account, token: `token-${account}`, app: 'com.example.phone' }
        await fetch(`${baseUrl}/api/android-device/`, { method: 'POST', body: new URLSearchParams(form) })
      }),
    )
}

/** Requests under way at once. */
export const AT_ONCE = 20

/** Resolves when the front holds exactly so many. */
export const untilHeld = (internalUrl: string, count: number): Promise<void> =>
  eventually(
    `${count} held calls`,
    async () => (await readMetrics(internalUrl)).get('hookswitch_waits') === count,
  )

/** The value of a list, sorted or not, that this share of its values does not exceed (nearest rank). */
export function percentile(values: number[], share: number): number {
  const sorted = values.toSorted((one, other) => one - other)
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)]!
}
