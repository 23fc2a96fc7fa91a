// A PBX whose call rings, whatever bytes it sends: what the phone is pushed is what the test looks at.
import { callUuidOf } from '../../../src/wake/wake.ts'
import type { VendorService } from '../../harness/vendor.ts'

export const FORM = 'application/x-www-form-urlencoded'
export const JSON_TYPE = 'application/json'

/** One byte for each character. */
export const bytes = (text: string) => Buffer.from(text, 'latin1')

interface Shown {
  phonenumber: unknown
  caller_id: unknown
}

let calls = 0

/** A PBX posts these bytes; {id} stands for a call id of this call's own. @returns what the phone is pushed. */
export async function rings(service: VendorService, body: string | Uint8Array, type = FORM): Promise<Shown> {
  const id = `call-${++calls}`
  const sent = Buffer.from(
    (typeof body === 'string' ? Buffer.from(body) : Buffer.from(body))
      .toString('latin1')
      .replaceAll('{id}', id),
    'latin1',
  )
  const dropping = new AbortController()
  const answer = fetch(`${service.publicUrl}/api/incoming-call/`, {
    method: 'POST',
    body: sent,
    headers: { 'content-type': type },
    signal: dropping.signal,
  })
  const refused = answer.then(
    async response => Promise.reject(new Error(`${response.status} ${await response.text()}`)),
    () => new Promise<never>(() => undefined),
  )
  const isItsPush = ({ payload }: { payload: { type: string; call_uuid?: unknown } }) =>
    payload.type === 'call' && payload.call_uuid === callUuidOf(id)
  const { payload } = await Promise.race([service.sent(isItsPush), refused])
  dropping.abort()
  const { phonenumber, caller_id } = payload as unknown as Shown
  return { phonenumber, caller_id }
}
