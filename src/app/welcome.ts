// What a newcomer sees: where the service listens, and three lines that show a whole wake. Printed while there is no
// APPS_FILE, to stderr, so that the log on stdout stays a log.

import { messageOf } from '../base/result.ts'
import { MS_PER_SECOND } from '../base/units.ts'
import type { Config } from '../config/config.ts'
import { idOfToken } from '../redis/devices/devices.ts'
import type { ConfirmationClaims } from '../wake/wakeDesk.ts'

/** The sample call's token outlives the newcomer's coffee. */
const SAMPLE_TOKEN_SECONDS = 24 * 60 * 60

const SAMPLE = { account: '123456789', callId: 'call-1', token: 'my-phone', app: 'com.example.phone' }

/** The third line needs no copying from the log: its token is signed in advance for the sample call and phone. */
export async function printWelcome(
  front: {
    publicUrl: string
    internalUrl: string
    signToken: (claims: ConfirmationClaims) => Promise<string>
  },
  config: Config,
): Promise<void> {
  const base = front.publicUrl.replace('0.0.0.0', '127.0.0.1')
  const issuedAtSeconds = Math.floor(Date.now() / MS_PER_SECOND)
  const token = await front
    .signToken({
      account: SAMPLE.account,
      callId: SAMPLE.callId,
      deviceId: idOfToken(SAMPLE.token),
      issuedAtSeconds,
      expiresAtSeconds: issuedAtSeconds + SAMPLE_TOKEN_SECONDS,
    })
    .catch(thrown => `(no token: ${messageOf(thrown)})`)
  process.stderr.write(`
  hookswitch listens on ${base} (PBXs and apps) and ${front.internalUrl} (operators).
  Open ${front.internalUrl}/ in a browser: it shows live what happens.
  A whole wake, for another terminal: a phone registers, a PBX asks and is held for ${config.roundtripWaitMs / MS_PER_SECOND} s,
  and the app answers meanwhile. The PBX gets status=ACK.

  curl -i ${base}/api/android-device/ -d sip_user_id=${SAMPLE.account} -d token=${SAMPLE.token} -d app=${SAMPLE.app}
  curl -i ${base}/api/incoming-call/ -d sip_user_id=${SAMPLE.account} -d phonenumber=0123456789 -d call_id=${SAMPLE.callId} & sleep 1
  curl -i ${base}/api/call-response/?token=${token} -d unique_key=${SAMPLE.callId} -d message_start_time=0

`)
}
