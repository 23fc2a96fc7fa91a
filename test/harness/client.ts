// The PBX and the app as the tests play them: plain HTTP over sockets, form-encoded like the real ones.
import { createHash } from 'node:crypto'

export interface PbxAnswer {
  status: number
  body: string
  reason: string | null
}

/** Posts a form and returns the whole response. */
export function postForm(
  url: string,
  fields: Record<string, string>,
  init: RequestInit = {},
): Promise<Response> {
  return fetch(url, { method: 'POST', body: new URLSearchParams(fields), ...init })
}

/** Posts JSON and returns the whole response. */
export function postJson(url: string, body: unknown, init: RequestInit = {}): Promise<Response> {
  const headers = { 'content-type': 'application/json', ...(init.headers as Record<string, string>) }
  return fetch(url, { method: 'POST', body: JSON.stringify(body), ...init, headers })
}

/** A PBX asks; resolves with its answer. */
export async function askPbx(
  baseUrl: string,
  fields: Record<string, string>,
  signal?: AbortSignal,
): Promise<PbxAnswer> {
  const response = await postForm(
    `${baseUrl}/api/incoming-call/`,
    { phonenumber: '0123456789', ...fields },
    signal ? { signal } : {},
  )
  return {
    status: response.status,
    body: await response.text(),
    reason: response.headers.get('x-hookswitch-reason'),
  }
}

/** What askPbx resolves with for a call that was answered so. */
export const acked: PbxAnswer = { status: 200, body: 'status=ACK', reason: 'confirmed' }
export const naked = (reason: string): PbxAnswer => ({ status: 200, body: 'status=NAK', reason })

/** A PBX says that a call is over. @returns the status. */
export async function endCall(baseUrl: string, callId: string, reason: string): Promise<number> {
  const response = await postForm(`${baseUrl}/api/call-ended/`, { call_id: callId, reason })
  return response.status
}

/** A push token as Apple's are, the same one for each name. */
export const appleToken = (name: string): string => createHash('sha256').update(name).digest('hex')

/** A phone registers, an Android one if no other is said. @returns the status. */
export async function registerPhone(
  baseUrl: string,
  fields: Record<string, string>,
  platform: 'apns' | 'gcm' | 'android' = 'android',
): Promise<number> {
  const response = await postForm(`${baseUrl}/api/${platform}-device/`, {
    token: platform === 'apns' ? appleToken('push-token') : 'push-token',
    app: 'com.example.phone',
    ...fields,
  })
  return response.status
}

export interface AppVerdict {
  status: number
  verdict: string | undefined
}

/** An app of today answers: it posts two fields to the URL that it found in the push.
 *  @param options.baseUrl the service that it reaches; the push's own URL names the port that was set, which is 0. */
export async function answer(
  push: { response_api?: string; unique_key?: string; message_start_time?: string | number },
  options: { baseUrl: string; fields?: Record<string, string> },
): Promise<AppVerdict> {
  const response = await postForm(push.response_api!.replace(/^https?:\/\/[^/]+/, options.baseUrl), {
    unique_key: push.unique_key!,
    message_start_time: String(push.message_start_time),
    ...options.fields,
  })
  return readVerdict(response)
}

/** An app of tomorrow answers: its token is the bearer's. */
export async function confirm(
  baseUrl: string,
  confirmation: { token: string; callId: string; fields?: Record<string, string> },
): Promise<AppVerdict> {
  const response = await postForm(
    `${baseUrl}/api/call-response/`,
    { unique_key: confirmation.callId, message_start_time: '0', ...confirmation.fields },
    { headers: { authorization: `Bearer ${confirmation.token}` } },
  )
  return readVerdict(response)
}

async function readVerdict(response: Response): Promise<AppVerdict> {
  const body = (await response.json()) as { verdict?: string }
  return { status: response.status, verdict: body.verdict }
}

export const proceeds: AppVerdict = { status: 202, verdict: 'proceed' }
export const refuses = (verdict: string): AppVerdict => ({ status: 404, verdict })
