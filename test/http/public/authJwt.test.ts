// AUTH_MODE=jwt: an app's bearer token is verified against the issuer's published keys, issuer and audience, and names
// the account that the app may act for.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { base64url, exportJWK, exportSPKI, generateKeyPair, type JWTPayload, SignJWT } from 'jose'
import { createAppAuth } from '../../../src/http/public/auth.ts'
import { appleToken, postForm } from '../../harness/client.ts'
import { freePort, startRedis, type TestRedis } from '../../harness/redis.ts'
import { startService, type TestService } from '../../harness/service.ts'

const ISSUER = 'https://login.example.com'
const AUDIENCE = 'hookswitch-devices'

let redis: TestRedis
let issuer: Bun.Server<undefined>
/** By what its issuer's address answers. */
let service: TestService
let troubled: Record<'failing' | 'nonsense' | 'nobody', TestService>

const keys = await generateKeyPair('ES256', { extractable: true })
const rsaKeys = await generateKeyPair('RS256', { extractable: true })
const foreignKeys = await generateKeyPair('ES256', { extractable: true })

beforeAll(async () => {
  redis = await startRedis()
  const jwks = {
    keys: [
      { ...(await exportJWK(keys.publicKey)), kid: 'first', alg: 'ES256', use: 'sig' },
      { ...(await exportJWK(rsaKeys.publicKey)), kid: 'second', alg: 'RS256', use: 'sig' },
    ],
  }
  issuer = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    routes: {
      '/jwks': () => Response.json(jwks),
      '/failing': () => new Response('oh', { status: 500 }),
      '/nonsense': () => new Response('<html>'),
      '/silence': () => new Promise<Response>(() => undefined),
    },
  })
  const start = (jwksUrl: string) =>
    startService({
      PUBSUB_REDIS_URL: redis.url,
      AUTH_MODE: 'jwt',
      AUTH_JWKS_URL: jwksUrl,
      AUTH_ISSUER: ISSUER,
      AUTH_AUDIENCE: AUDIENCE,
      AUTH_ACCOUNT_FIELD: 'account',
    })
  const at = (path: string) => start(`http://127.0.0.1:${issuer.port}/${path}`)
  const [good, failing, nonsense, nobody] = await Promise.all([
    at('jwks'),
    at('failing'),
    at('nonsense'),
    start(`http://127.0.0.1:${await freePort()}/jwks`),
  ])
  service = good
  troubled = { failing, nonsense, nobody }
})
afterAll(async () => {
  await Promise.all([service, ...Object.values(troubled)].map(each => each.kill()))
  await issuer.stop(true)
  await redis.close()
})

interface Wish {
  claims?: JWTPayload
  issuer?: string
  audience?: string
  expires?: string | null
  kid?: string
  alg?: string
  key?: Parameters<SignJWT['sign']>[0]
}

/** A token as the issuer would sign it, but for what is wished otherwise. */
function sign(wish: Wish = {}): Promise<string> {
  const token = new SignJWT(wish.claims ?? { account: '1801' })
    .setProtectedHeader({ alg: wish.alg ?? 'ES256', kid: wish.kid ?? 'first' })
    .setIssuer(wish.issuer ?? ISSUER)
    .setAudience(wish.audience ?? AUDIENCE)
    .setIssuedAt()
  if (wish.expires !== null) token.setExpirationTime(wish.expires ?? '5 minutes')
  return token.sign(wish.key ?? keys.privateKey)
}

function register(at: TestService, token?: string, account = '1801'): Promise<Response> {
  return postForm(
    `${at.publicUrl}/api/apns-device/`,
    { sip_user_id: account, token: appleToken('t'), app: 'com.example.phone' },
    token === undefined ? {} : { headers: { authorization: `Bearer ${token}` } },
  )
}

const encode = (value: unknown) => base64url.encode(JSON.stringify(value))

describe('an app with a JWT', () => {
  test('may act for the account in its claim, whichever of the published keys signed', async () => {
    expect((await register(service, await sign())).status).toBe(201)
    const byRsa = await sign({ alg: 'RS256', kid: 'second', key: rsaKeys.privateKey })
    expect((await register(service, byRsa)).status).toBe(200)
    expect((await register(service, await sign({ claims: { account: 1801 } }))).status).toBe(200)
  })

  test('gets 403 when the claim names another account, or none', async () => {
    for (const claims of [{ account: '1802' }, {}, { account: null }, { account: ['1801'] }])
      expect((await register(service, await sign({ claims }))).status).toBe(403)
    expect((await register(service, await sign({ claims: {} }), 'undefined')).status).toBe(403)
  })

  const nowSeconds = Math.floor(Date.now() / 1_000)
  const payload = { account: '1801', iss: ISSUER, aud: AUDIENCE, exp: nowSeconds + 300 }
  const refusals: Record<string, () => Promise<string | undefined>> = {
    'no token': async () => undefined,
    'a token that is none': async () => 'not-a-token',
    'a token in three parts that mean nothing': async () => 'a.b.c',
    'another issuer': () => sign({ issuer: 'https://login.example.org' }),
    'another audience': () => sign({ audience: 'somebody-else' }),
    'an expired token': () => sign({ expires: '1 minute ago' }),
    'a token that never expires': () => sign({ expires: null }),
    'a key that is not published': () => sign({ key: foreignKeys.privateKey }),
    'a key id that is not published': () => sign({ kid: 'third', key: foreignKeys.privateKey }),
    'no signature (alg none)': async () => `${encode({ alg: 'none', kid: 'first' })}.${encode(payload)}.`,
    'the public key used as a shared secret (HS256)': async () =>
      sign({ alg: 'HS256', key: new TextEncoder().encode(await exportSPKI(keys.publicKey)) }),
    'a payload changed after signing': async () => {
      const [head, , signature] = (await sign({ claims: { account: '1899' } })).split('.')
      return `${head}.${encode(payload)}.${signature}`
    },
  }
  for (const [why, makeToken] of Object.entries(refusals)) {
    test(`gets 401 for ${why}`, async () => {
      const refused = await register(service, await makeToken())
      expect(refused.status).toBe(401)
      expect(refused.headers.get('www-authenticate')).toBe('Bearer')
      expect(refused.headers.get('content-type')).toBe('application/problem+json')
    })
  }

  for (const kind of ['failing', 'nonsense', 'nobody'] as const) {
    test(`gets 503, not a refusal, when the issuer's keys can't be had (${kind})`, async () => {
      const refused = await register(troubled[kind], await sign())
      expect(refused.status).toBe(503)
      expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0)
    })
  }

  test('gets 503 when the issuer keeps silent about its keys', async () => {
    const authenticate = createAppAuth({
      authMode: 'jwt',
      authUrl: undefined,
      authAccountField: 'account',
      authJwksUrl: `http://127.0.0.1:${issuer.port}/silence`,
      authIssuer: ISSUER,
      authAudience: AUDIENCE,
      authTimeoutMs: 100,
    })
    const request = new Request('http://localhost/', { headers: { authorization: `Bearer ${await sign()}` } })
    expect(await authenticate(request, '1801')).toMatchObject({ ok: false, failure: { status: 503 } })
  })
})
