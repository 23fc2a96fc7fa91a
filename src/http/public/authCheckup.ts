// Examines what the device routes' login leans on: the issuer's keys (`jwt`) or the service that is asked (`upstream`).
// Both are asked once, without credentials.

import { type Finding, fine, problem, warning } from '../../base/finding.ts'
import { messageOf } from '../../base/result.ts'
import type { Config } from '../../config/config.ts'

type AuthSettings = Pick<Config, 'authMode' | 'authUrl' | 'authJwksUrl'>

/** Never rejects. Without a login, or with settings that contradict each other, there is nothing to ask. */
export async function examineAuth(
  { authMode, authUrl, authJwksUrl }: AuthSettings,
  limitMs: number,
): Promise<Finding[]> {
  if (authMode === 'jwt' && authJwksUrl !== undefined)
    return [...judgeScheme('AUTH_JWKS_URL', authJwksUrl), await askKeys(authJwksUrl, limitMs)]
  if (authMode === 'upstream' && authUrl !== undefined)
    return [...judgeScheme('AUTH_URL', authUrl), await askUpstream(authUrl, limitMs)]
  return []
}

function judgeScheme(setting: string, url: string): Finding[] {
  if (url.startsWith('https://')) return []
  return [
    warning(
      'app login',
      `${setting} is not https: who stands in between decides who may register.`,
      'Use its https address, unless the way to it is your own.',
    ),
  ]
}

async function askKeys(url: string, limitMs: number): Promise<Finding> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(limitMs) })
    const body = (await response.json()) as { keys?: unknown } | null
    const keys = Array.isArray(body?.keys) ? body.keys.length : 0
    if (response.ok && keys > 0) return fine('app login', `AUTH_JWKS_URL answers with ${keys} keys.`)
    return problem(
      'app login',
      `AUTH_JWKS_URL answers ${response.status} with ${keys} keys: no app's token can be verified.`,
      "Name the issuer's JWKS document (jwks_uri in its openid-configuration).",
    )
  } catch (thrown) {
    return problem(
      'app login',
      `AUTH_JWKS_URL gives no keys: ${messageOf(thrown)}. No app's token can be verified.`,
      "Name the issuer's JWKS document (jwks_uri in its openid-configuration), and let this machine reach it.",
    )
  }
}

async function askUpstream(url: string, limitMs: number): Promise<Finding> {
  try {
    const { status } = await fetch(url, { signal: AbortSignal.timeout(limitMs), redirect: 'manual' })
    if (status === 401 || status === 403)
      return fine('app login', `AUTH_URL refuses who has no credentials (${status}), as it should.`)
    if (status === 200)
      return problem(
        'app login',
        'AUTH_URL answers 200 without credentials.',
        'It must answer 401 or 403 there, or everybody may get in: see what it goes by.',
      )
    return problem(
      'app login',
      `AUTH_URL answers ${status}: no device can register (503).`,
      'It must answer 200 with JSON, 401 or 403.',
    )
  } catch (thrown) {
    return problem(
      'app login',
      `AUTH_URL can't be asked: ${messageOf(thrown)}. No device can register (503).`,
      'Start it, or mend AUTH_URL.',
    )
  }
}
