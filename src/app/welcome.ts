// What a newcomer sees: where the service listens, and three lines that show a whole wake. Printed while there is no
// APPS_FILE, to stderr, so that the log on stdout stays a log. The lines need Redis: without it they come later.
import { MS_PER_SECOND, toSeconds } from '../base/units.ts'
import type { Config } from '../config/config.ts'
import { idOfToken } from '../redis/devices/devices.ts'
import type { ConfirmationClaims } from '../wake/devicePush.ts'
import { postLine, type Which } from './tryLine.ts'

/** A newcomer may try the lines much later: the sample call's token is valid for a day. */
const SAMPLE_TOKEN_SECONDS = 24 * 60 * 60

const SAMPLE = { account: '123456789', callId: 'call-1', token: 'my-phone', app: 'com.example.phone' }

/** A Redis that runs answers sooner. */
const REDIS_USUAL_MS = 2 * MS_PER_SECOND

const LOOK_AGAIN_MS = 0.1 * MS_PER_SECOND

export interface Welcomed {
  /** The public listener's URL, as this machine reaches it. */
  localUrl: string
  internalUrl: string
  /** What keeps the service from working; empty once Redis is usable. */
  obstacles: () => string[]
  signToken: (claims: ConfirmationClaims) => Promise<string>
}

export interface WelcomeOptions {
  write: (text: string) => void
  which: Which
  /** Aborts when the service stops: the lines are then not printed. */
  stopping: AbortSignal
}

export type WelcomeSettings = Pick<Config, 'roundtripWaitMs'> & Partial<Pick<Config, 'pbxAllow' | 'pbxToken'>>

/** Resolves when everything is printed, or when `stopping` aborts. */
export async function printWelcome(
  front: Welcomed,
  settings: WelcomeSettings,
  { write, which, stopping }: WelcomeOptions,
): Promise<void> {
  const { roundtripWaitMs } = settings
  const base = front.localUrl
  write(`
  hookswitch listens on ${base} (PBXs and apps) and ${front.internalUrl} (operators).
  Open ${front.internalUrl}/ in a browser: it shows live what happens.
`)
  const token = await sampleToken(front, stopping, () =>
    write(`
  Redis does not answer yet (PUBSUB_REDIS_URL says where it is). When it does, three lines come that show a wake.
`),
  )
  if (token === undefined) return
  const { account, callId } = SAMPLE
  const line = (path: string, fields: Record<string, string>, tokenVariable?: string) =>
    postLine(`${base}/api/${path}`, fields, which, tokenVariable)
  write(`
  A whole wake, for another terminal: a phone registers, a PBX asks and is held for ${toSeconds(roundtripWaitMs)} s,
  and the app answers meanwhile. The PBX gets status=ACK.

  ${line('android-device/', { sip_user_id: account, token: SAMPLE.token, app: SAMPLE.app })}
  ${line('incoming-call/', { sip_user_id: account, phonenumber: '0123456789', call_id: callId }, tokenOfPbx(settings))} & sleep 1
  ${line(`call-response/?token=${token}`, { unique_key: callId, message_start_time: '0' })}

`)
}

/** The third line needs no copying from the log: its token is signed in advance for the sample call and phone.
 *  @returns undefined when the service stops first. */
async function sampleToken(
  { obstacles, signToken }: Welcomed,
  stopping: AbortSignal,
  onLate: () => void,
): Promise<string | undefined> {
  const askedAtMs = performance.now()
  let isLateTold = false
  while (!stopping.aborted) {
    if (obstacles().length === 0) {
      // The failure is dropped because it is told otherwise: the pods' shared key is in Redis, which is away; readiness says
      // so, this loop asks again, and `onLate` tells the reader.
      const token = await signToken(sampleClaims()).catch(() => undefined)
      if (token !== undefined) return token
    }
    if (!isLateTold && performance.now() - askedAtMs > REDIS_USUAL_MS) {
      isLateTold = true
      onLate()
    }
    await Bun.sleep(LOOK_AGAIN_MS)
  }
  return undefined
}

function sampleClaims(): ConfirmationClaims {
  const issuedAtSeconds = Math.floor(toSeconds(Date.now()))
  return {
    account: SAMPLE.account,
    callId: SAMPLE.callId,
    deviceId: idOfToken(SAMPLE.token),
    issuedAtSeconds,
    expiresAtSeconds: issuedAtSeconds + SAMPLE_TOKEN_SECONDS,
  }
}

/** The variable with the PBX's token, for the second line, where PBX_ALLOW does not admit this machine's address. The
 *  token itself is not shown. */
const tokenOfPbx = ({ pbxAllow, pbxToken }: WelcomeSettings): string | undefined =>
  pbxToken === undefined || pbxAllow?.('127.0.0.1') ? undefined : 'PBX_TOKEN'
