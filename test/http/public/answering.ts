// An app that answers a call over HTTP with whatever credentials a test gives it, and what it hears.
import { expect } from 'bun:test'
import { base64url } from 'jose'
import { postForm } from '../../harness/client.ts'
import type { LoggedPush, TestService } from '../../harness/service.ts'

/** Fields that an app posts. */
export type Said = { [field: string]: string }

export const nowSeconds = Math.floor(Date.now() / 1_000)

/** A part of a JWT. */
export const encode = (value: unknown) => base64url.encode(JSON.stringify(value))

export const tokenIn = ({ response_api }: LoggedPush) => new URL(response_api!).searchParams.get('token')!

/** @param shown where a token stands: behind the URL, or as the bearer. */
export const postAnswer = (service: TestService, fields: Said, { query = '', authorization = '' } = {}) =>
  postForm(
    `${service.publicUrl}/api/call-response/${query}`,
    fields,
    authorization === '' ? {} : { headers: { authorization } },
  )

export async function expectVerdict(response: Response, verdict: string): Promise<void> {
  expect({ status: response.status, body: await response.json() }).toEqual({ status: 404, body: { verdict } })
}
