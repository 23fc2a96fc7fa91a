// The answer to a PBX whose request was held: the outcome of the wake, in HTTP.
import type { WakeReason } from '../../wake/wake.ts'
import type { HeldOutcome } from '../../wake/wakeDesk.ts'
import { prefersJson } from '../accept.ts'

const REASON_HEADER = 'x-hookswitch-reason'

/** Made once for each reason, which halves what making the answer takes. */
const plainHeaders = new Map<WakeReason, Headers>()

function plainHeadersOf(reason: WakeReason): Headers {
  let headers = plainHeaders.get(reason)
  if (!headers) {
    headers = new Headers({ [REASON_HEADER]: reason, 'content-type': 'text/plain' })
    plainHeaders.set(reason, headers)
  }
  return headers
}

/** `status=ACK` or `status=NAK` in plain text, as vialer-middleware answers; an object for a client that prefers JSON. */
export function respondOutcome(request: Request, outcome: HeldOutcome): Response {
  const { status, reason, callId, deviceId, waitedMs } = outcome
  if (!prefersJson(request.headers.get('accept')))
    return new Response(`status=${status}`, { headers: plainHeadersOf(reason) })
  const body = { status, reason, call_id: callId, device_id: deviceId ?? null, waited_ms: waitedMs }
  return Response.json(body, { headers: { [REASON_HEADER]: reason } })
}
