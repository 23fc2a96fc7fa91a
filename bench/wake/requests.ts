// The bytes that PBXs and apps send, for each of the targets. They are made before a round begins, confirmation
// tokens included, so that in the round the generator only writes them.
import { SignJWT } from 'jose'
import type { WakeId } from '../../src/redis/keys.ts'

/** `before` is hookswitch too: another checkout, for the same run. */
export type TargetKind = 'hookswitch' | 'before' | 'floor' | 'nchan'

/** One call: what the PBX posts to be held, what the app posts to have it released, and the status that says so. */
export interface CallBytes {
  hold: Buffer
  release: Buffer
  /** hookswitch's. */
  wake?: WakeId
  /** Where the answer's `unique_key` stands, which only the wake's push tells. */
  uniqueKeyAt?: number
}

/** Makes the bytes of one fresh call. */
export type CallMaker = () => Promise<CallBytes>

/** The generator signs with this key, and the service verifies with it; it is used in this run alone. */
export const TOKEN_KEY = { kid: 'bench', secret: 'the-key-of-the-benchmark-which-everybody-knows' }

/** Accounts that are called in turn, each with one device. */
export const ACCOUNTS = 1_000
export const accountOf = (call: number): string => `account-${call % ACCOUNTS}`
export const DEVICE_ID = 'device-1'

const TOKEN_LIFETIME_SECONDS = 3_600

/** @param name begins every call's id, so that no two generators use one id. */
export function createCallMaker(kind: TargetKind, name: string): CallMaker {
  let calls = 0
  switch (kind) {
    case 'hookswitch':
    case 'before': {
      const key = new TextEncoder().encode(TOKEN_KEY.secret)
      return () => hookswitchCall({ callId: `${name}-${calls}`, account: accountOf(calls++) }, key, kind)
    }
    case 'floor':
    case 'nchan':
      return async () => {
        const id = `${name}-${calls++}`
        return {
          hold: request('GET', `/hold/${id}`),
          release: request('POST', `/release/${id}`, 'status=ACK'),
        }
      }
  }
}

const UNIQUE_KEY_FIELD = 'unique_key='

/** As a PBX and an app of today post it: forms, the token in the URL that the push named, and the unique key that stood
 *  beside it. A checkout from before there were such keys pushed the call's id in its place. */
async function hookswitchCall(
  wake: WakeId,
  key: Uint8Array,
  kind: 'hookswitch' | 'before',
): Promise<CallBytes> {
  const { account, callId } = wake
  const nowSeconds = Math.floor(Date.now() / 1_000)
  const token = await new SignJWT({ device_id: DEVICE_ID })
    .setProtectedHeader({ alg: 'HS256', kid: TOKEN_KEY.kid })
    .setIssuer('hookswitch')
    .setAudience('call-response')
    .setSubject(account)
    .setJti(callId)
    .setIssuedAt(nowSeconds)
    .setExpirationTime(nowSeconds + TOKEN_LIFETIME_SECONDS)
    .sign(key)
  const call = `sip_user_id=${account}&phonenumber=0123456789&caller_id=Bench&call_id=${callId}`
  const uniqueKey = kind === 'before' ? callId : '0'.repeat(32)
  const answer = `${UNIQUE_KEY_FIELD}${uniqueKey}&message_start_time=${nowSeconds}.123`
  const bytes = {
    wake,
    hold: request('POST', '/api/incoming-call/', call),
    release: request('POST', `/api/call-response/?token=${token}`, answer),
  }
  if (kind === 'before') return bytes
  return {
    ...bytes,
    uniqueKeyAt: bytes.release.lastIndexOf(UNIQUE_KEY_FIELD) + UNIQUE_KEY_FIELD.length,
  }
}

function request(method: string, path: string, form?: string): Buffer {
  const body =
    form === undefined
      ? '\r\n'
      : `Content-Type: application/x-www-form-urlencoded\r\nContent-Length: ${form.length}\r\n\r\n${form}`
  return Buffer.from(`${method} ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\n${body}`, 'latin1')
}
