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

  const settings = (path: string) => ({
    authMode: 'jwt' as const,
    authUrl: undefined,
    authAccountField: 'account',
    authJwksUrl: `http://127.0.0.1:${issuer.port}/${path}`,
    authIssuer: ISSUER,
    authAudience: AUDIENCE,
    authTimeoutMs: 100,
  })
  const bearing = (token: string) =>
    new Request('http://localhost/', { headers: { authorization: `Bearer ${token}` } })

  test('gets 503 when the issuer keeps silent about its keys', async () => {
    const authenticate = createAppAuth(settings('silence'))
    expect(await authenticate(bearing(await sign()), '1801')).toMatchObject({
      ok: false,
      failure: { status: 503 },
    })
  })

  const inSeconds = (seconds: number) => Math.floor(Date.now() / 1_000) + seconds
  const clocks: [string, () => JWTPayload, boolean][] = [
    ['expired 50 s ago', () => ({ exp: inSeconds(-50) }), true],
    ['expired 70 s ago', () => ({ exp: inSeconds(-70) }), false],
    ['not to be used for 50 s', () => ({ nbf: inSeconds(50) }), true],
    ['not to be used for 70 s', () => ({ nbf: inSeconds(70) }), false],
    ['issued 50 s from now', () => ({ iat: inSeconds(50) }), true],
    ['issued 70 s from now', () => ({ iat: inSeconds(70) }), false],
    ['issued a year ago', () => ({ iat: inSeconds(-31_536_000) }), true],
    [
      'of all three a little off',
      () => ({ iat: inSeconds(40), nbf: inSeconds(40), exp: inSeconds(-40) }),
      true,
    ],
  ]
  test.each(clocks)('%s by another clock: 60 s are forgiven', async (_, times, isTaken) => {
    const account = `clock-${crypto.randomUUID()}`
    const claims = { account, iss: ISSUER, aud: AUDIENCE, exp: inSeconds(300), ...times() }
    const token = await new SignJWT(claims)
      .setProtectedHeader({ alg: 'ES256', kid: 'first' })
      .sign(keys.privateKey)
    expect((await register(service, token, account)).status).toBe(isTaken ? 201 : 401)
  })

  test('is not let in by a number that JSON can’t hold: it could be a neighbour’s', async () => {
    const head = encode({ alg: 'ES256', kid: 'first' })
    for (const [number, account, expected] of [
      ['9007199254740993', '9007199254740992', 403],
      ['9007199254740993', '9007199254740993', 403],
      ['1e3', '1000', 201],
    ] as const) {
      const body = base64url.encode(
        `{"account":${number},"iss":"${ISSUER}","aud":"${AUDIENCE}","exp":${inSeconds(300)}}`,
      )
      const signature = await crypto.subtle.sign(
        { name: 'ECDSA', hash: 'SHA-256' },
        keys.privateKey as CryptoKey,
        new TextEncoder().encode(`${head}.${body}`),
      )
      const token = `${head}.${body}.${base64url.encode(new Uint8Array(signature))}`
      expect((await register(service, token, account)).status).toBe(expected)
    }
  })

  describe('of an issuer that has just changed its keys', () => {
    let published: { kid?: string; key: CryptoKey; alg?: string }[] = []
    let fetches = 0
    let changing: Bun.Server<undefined>
    beforeAll(() => {
      changing = Bun.serve({
        port: 0,
        hostname: '127.0.0.1',
        async fetch() {
          fetches++
          const all = published.map(async ({ kid, key }) => ({
            ...(await exportJWK(key)),
            ...(kid === undefined ? {} : { kid }),
            alg: 'ES256',
          }))
          return Response.json({ keys: await Promise.all(all) })
        },
      })
    })
    afterAll(() => changing.stop(true))

    const newAuth = () =>
      createAppAuth({ ...settings(''), authJwksUrl: `http://127.0.0.1:${changing.port}/` })
    const newKey = () => generateKeyPair('ES256', { extractable: true })
    /** Signed with a key that may have no name. */
    async function signedBy(key: CryptoKey, kid?: string): Promise<Request> {
      const claims = { account: '1801', iss: ISSUER, aud: AUDIENCE, exp: inSeconds(300) }
      const header = { alg: 'ES256', ...(kid === undefined ? {} : { kid }) }
      return bearing(await new SignJWT(claims).setProtectedHeader(header).sign(key))
    }

    test.each([
      ['under another name', 'old', 'new'],
      ['under the same name', 'same', 'same'],
      ['without a name', undefined, undefined],
    ])('is let in at once: the keys are fetched anew (%s)', async (_, oldKid, newKid) => {
      const [old, other] = [await newKey(), await newKey()]
      const authenticate = newAuth()
      published = [{ ...(oldKid ? { kid: oldKid } : {}), key: old.publicKey as CryptoKey }]
      expect((await authenticate(await signedBy(old.privateKey as CryptoKey, oldKid), '1801')).ok).toBe(true)
      published = [{ ...(newKid ? { kid: newKid } : {}), key: other.publicKey as CryptoKey }]
      const fresh = await signedBy(other.privateKey as CryptoKey, newKid)
      expect((await authenticate(fresh, '1801')).ok).toBe(true)
      const stale = await authenticate(await signedBy(old.privateKey as CryptoKey, oldKid), '1801')
      expect(stale).toMatchObject({ ok: false, failure: { status: 401 } })
    })

    test('is let in by either of two keys that have no name', async () => {
      const [one, other] = [await newKey(), await newKey()]
      const authenticate = newAuth()
      published = [{ key: one.publicKey as CryptoKey }, { key: other.publicKey as CryptoKey }]
      for (const { privateKey } of [one, other])
        expect((await authenticate(await signedBy(privateKey as CryptoKey), '1801')).ok).toBe(true)
    })

    test('gets 503, never 401, while strangers make us fetch the keys too often', async () => {
      const [old, other] = [await newKey(), await newKey()]
      const authenticate = newAuth()
      published = [{ kid: 'old', key: old.publicKey as CryptoKey }]
      expect((await authenticate(await signedBy(old.privateKey as CryptoKey, 'old'), '1801')).ok).toBe(true)
      fetches = 0
      for (let asked = 0; asked < 40; asked++)
        await authenticate(await signedBy(other.privateKey as CryptoKey, `guess-${asked}`), '1801')
      expect(fetches).toBe(20)
      published = [{ kid: 'new', key: other.publicKey as CryptoKey }]
      const early = await authenticate(await signedBy(other.privateKey as CryptoKey, 'new'), '1801')
      expect(early).toMatchObject({ ok: false, failure: { status: 503, headers: { 'retry-after': '5' } } })
      // Whose key is known is let in as before.
      expect((await authenticate(await signedBy(old.privateKey as CryptoKey, 'old'), '1801')).ok).toBe(true)
    })
  })
})
