// Examines what the device routes' login leans on: the issuer's keys (`jwt`) or the service that is asked (`upstream`).
// Both are asked once, without credentials.

import { type Finding, fine, problem, warning } from '../../base/finding.ts'
import { messageOf } from '../../base/result.ts'
import { findSpeaker } from '../../base/speaker.ts'
import type { Config } from '../../config/config.ts'

type AuthSettings = Pick<Config, 'authMode' | 'authUrl' | 'authJwksUrl'>

/** Never rejects. Without a login, or with settings that contradict each other, there is nothing to ask. */
export async function examineAuth(
  { authMode, authUrl, authJwksUrl }: AuthSettings,
  limitMs: number,
): Promise<Finding[]> {
  if (authMode === 'jwt' && authJwksUrl !== undefined)
    return withScheme('AUTH_JWKS_URL', authJwksUrl, await askKeys(authJwksUrl, limitMs))
  if (authMode === 'upstream' && authUrl !== undefined)
    return withScheme('AUTH_URL', authUrl, await askUpstream(authUrl, limitMs))
  return []
}

/** An unencrypted URL is only worth a warning once the address works. */
function withScheme(setting: string, url: string, asked: Finding): Finding[] {
  if (asked.level === 'problem' || url.startsWith('https://')) return [asked]
  return [
    warning(
      'app login',
      `${setting} is not https: who stands in between decides who may register.`,
      'Use its https address, unless the way to it is your own.',
    ),
    asked,
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
    const scheme = await schemeFinding('AUTH_JWKS_URL', url, thrown, limitMs)
    if (scheme) return scheme
    return problem(
      'app login',
      `AUTH_JWKS_URL gives no keys: ${messageOf(thrown)}. No app's token can be verified.`,
      "Name the issuer's JWKS document (jwks_uri in its openid-configuration), and let this machine reach it.",
    )
  }
}

/** When the address speaks TLS and the URL does not say so, or the other way round. */
async function schemeFinding(
  setting: string,
  url: string,
  thrown: unknown,
  limitMs: number,
): Promise<Finding | undefined> {
  // It has answered, though no JSON.
  if (thrown instanceof SyntaxError) return undefined
  const { protocol, hostname, port } = new URL(url)
  const isHttps = protocol === 'https:'
  const address = { host: hostname.replace(/^\[|\]$/g, ''), port: Number(port || (isHttps ? 443 : 80)) }
  const speaker = await findSpeaker(address, limitMs)
  if (speaker === 'http' && isHttps)
    return problem(
      'app login',
      `${setting} says https, and what listens there speaks no TLS: no device can register (503).`,
      'Name the port that speaks TLS, or write http:// if the way to it is your own.',
    )
  if (speaker === 'tls' && !isHttps)
    return problem(
      'app login',
      `${setting} says http, and what listens there speaks TLS: no device can register (503).`,
      'Write https://.',
    )
  return undefined
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
    const scheme = await schemeFinding('AUTH_URL', url, thrown, limitMs)
    if (scheme) return scheme
    return problem(
      'app login',
      `AUTH_URL can't be asked: ${messageOf(thrown)}. No device can register (503).`,
      'Start it, or mend AUTH_URL.',
    )
  }
}
