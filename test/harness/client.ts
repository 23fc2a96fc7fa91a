// The PBX and the app as the tests play them: plain HTTP over sockets, form-encoded like the real ones.

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

/** An Android phone registers. @returns the status. */
export async function registerPhone(baseUrl: string, fields: Record<string, string>): Promise<number> {
  const response = await postForm(`${baseUrl}/api/android-device/`, {
    token: 'push-token',
    app: 'com.example.phone',
    ...fields,
  })
  return response.status
}

/** An app of today answers: it posts two fields to the URL that it found in the push. */
export async function answer(
  push: Record<string, string>,
  options: { baseUrl?: string; fields?: Record<string, string> } = {},
): Promise<{ status: number; verdict: string | undefined }> {
  const url = options.baseUrl
    ? push.response_api!.replace(/^http:\/\/[^/]+/, options.baseUrl)
    : push.response_api!
  const response = await postForm(url, {
    unique_key: push.unique_key!,
    message_start_time: String(push.message_start_time),
    ...options.fields,
  })
  const body = (await response.json()) as { verdict?: string }
  return { status: response.status, verdict: body.verdict }
}
