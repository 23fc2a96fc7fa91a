// Stands in for Google: signs service accounts in at oauth2.googleapis.com and takes messages at fcm.googleapis.com,
// as strict as FCM's v1 API: an unknown field, a value that is no string or two targets are refused. A test plans the
// next answers for a push token; without a plan a correct message is accepted.
import { randomUUID, verify } from 'node:crypto'
import { lookup } from 'node:dns/promises'
import { type Clock, toSeconds } from '../../src/base/units.ts'
import type { GooglePublicKey } from './appCredentials.ts'
import { type GoogleDetail, refusalOfMessage } from './googleRules.ts'
import type { ServerCertificate } from './vendorCerts.ts'
import { vendorCertificate } from './vendorNames.ts'

export type FcmPlan =
  /** An error as FCM words it. `fcmCode` goes into the detail that FCM adds to its own errors. */
  | {
      kind: 'refuse'
      code: number
      status: string
      message?: string
      fcmCode?: string
      details?: GoogleDetail[]
      retryAfter?: string
    }
  /** No answer until `release`. */
  | { kind: 'hold' }
  /** A page that is no JSON, as a proxy in between gives. */
  | { kind: 'page'; code: number }

export interface ReceivedFcmMessage {
  token: string
  /** Instead of a token, where somebody sends to many. */
  topic?: string
  data: Record<string, string>
  android: Record<string, unknown>
}

export interface FcmStubOptions {
  clock?: Clock
  /** Of fcm.googleapis.com; 0 for a stub that a relay stands in front of. */
  port?: number
  /** Another than the one that the namespace trusts. */
  certificate?: ServerCertificate
}

export type FcmStub = Awaited<ReturnType<typeof startFcmStub>>

/** @throws outside runInVendorNamespace, where the hosts are Google's. */
export async function startFcmStub(account: GooglePublicKey, options: FcmStubOptions = {}) {
  const { clock = Date.now, port = 443, certificate = vendorCertificate() } = options
  const received: ReceivedFcmMessage[] = []
  const plans = new Map<string, FcmPlan[]>()
  const signInPlans: FcmPlan[] = []
  const accessTokens = new Set<string>()
  const held: (() => void)[] = []
  const watchers = new Set<() => void>()
  let signIns = 0
  let messages = 0

  const servers = await Promise.all([
    serve('oauth2.googleapis.com', 443, async request => {
      signIns++
      const plan = signInPlans.shift()
      return plan ? carryOut(plan, () => signIn(request)) : signIn(request)
    }),
    serve('fcm.googleapis.com', port, async request => {
      messages++
      const answer = await take(request)
      notify()
      return answer
    }),
  ])

  function notify(): void {
    for (const watcher of watchers) watcher()
  }

  async function serve(host: string, port: number, answer: (request: Request) => Promise<Response>) {
    const { address } = await lookup(host)
    if (!address.startsWith('127.')) throw new Error(`${host} does not lead to this machine`)
    return Bun.serve({
      hostname: address,
      port,
      tls: certificate,
      idleTimeout: 0,
      fetch: request =>
        request.headers.get('host') === host ? answer(request) : new Response('wrong host', { status: 404 }),
    })
  }

  /** RFC 7523 as Google asks for it ("Using OAuth 2.0 for server to server applications"). */
  async function signIn(request: Request): Promise<Response> {
    const form = new URLSearchParams(await request.text())
    const [header = '', claims = '', signature = ''] = (form.get('assertion') ?? '').split('.')
    const { alg } = decode(header)
    const { iss, aud, scope, iat, exp } = decode(claims)
    const isSigned = verify(
      'sha256',
      Buffer.from(`${header}.${claims}`),
      account.publicKey,
      Buffer.from(signature, 'base64url'),
    )
    const nowSeconds = toSeconds(clock())
    const isValid =
      request.method === 'POST' &&
      new URL(request.url).pathname === '/token' &&
      form.get('grant_type') === 'urn:ietf:params:oauth:grant-type:jwt-bearer' &&
      alg === 'RS256' &&
      isSigned &&
      iss === account.clientEmail &&
      aud === 'https://oauth2.googleapis.com/token' &&
      String(scope).split(' ').includes('https://www.googleapis.com/auth/firebase.messaging') &&
      Math.abs(nowSeconds - Number(iat)) < 300 &&
      Number(exp) - Number(iat) <= 3_600
    if (!isValid)
      return Response.json(
        { error: 'invalid_grant', error_description: 'Invalid JWT Signature.' },
        { status: 400 },
      )
    const accessToken = `ya29.${randomUUID()}`
    accessTokens.add(accessToken)
    return Response.json({ access_token: accessToken, expires_in: 3_599, token_type: 'Bearer' })
  }

  async function take(request: Request): Promise<Response> {
    const accessToken = /^Bearer (\S+)$/.exec(request.headers.get('authorization') ?? '')?.[1]
    if (!accessToken || !accessTokens.has(accessToken))
      return carryOut({ kind: 'refuse', code: 401, status: 'UNAUTHENTICATED' })
    if (new URL(request.url).pathname !== `/v1/projects/${account.projectId}/messages:send`)
      return carryOut({ kind: 'refuse', code: 404, status: 'NOT_FOUND' })
    const body = (await request.json()) as { validate_only?: boolean }
    const { message, refusal } = refusalOfMessage(body)
    if (refusal) return carryOut({ kind: 'refuse', code: 400, status: 'INVALID_ARGUMENT', ...refusal })
    const plan = plans.get(message.token ?? message.topic)?.shift()
    const accept = () => {
      if (!body.validate_only) received.push(message)
      return Response.json({ name: `projects/${account.projectId}/messages/0:${received.length}` })
    }
    return plan ? carryOut(plan, accept) : accept()
  }

  function carryOut(
    plan: FcmPlan,
    accept?: () => Promise<Response> | Response,
  ): Promise<Response> | Response {
    if (plan.kind === 'hold') {
      const { promise, resolve } = Promise.withResolvers<void>()
      held.push(resolve)
      notify()
      return promise.then(() => accept?.() ?? new Response())
    }
    if (plan.kind === 'page') return new Response('<html>no</html>', { status: plan.code })
    const { code, status, message = status, fcmCode, details = [], retryAfter } = plan
    const ownDetail = fcmCode
      ? [{ '@type': 'type.googleapis.com/google.firebase.fcm.v1.FcmError', errorCode: fcmCode }]
      : []
    const error = { code, message, status, details: [...ownDetail, ...details] }
    return Response.json(
      { error },
      { status: code, headers: retryAfter ? { 'retry-after': retryAfter } : {} },
    )
  }

  return {
    /** Accepted messages, oldest first. */
    received,
    port: servers[1].port!,
    signIns: () => signIns,
    /** Requests to send, whatever became of them. */
    messages: () => messages,

    /** The next answers for a push token (or topic), one for each message. */
    plan(token: string, ...next: FcmPlan[]): void {
      plans.set(token, [...(plans.get(token) ?? []), ...next])
    },

    /** The next answers of the token endpoint. */
    planSignIn(...next: FcmPlan[]): void {
      signInPlans.push(...next)
    },

    /** Answers kept back now. */
    held: () => held.length,

    /** Gives all answers that a 'hold' keeps back. */
    release(): void {
      for (const answer of held.splice(0)) answer()
    },

    /** Resolves once `isTrue` after a message came or an answer was kept back. */
    async until(isTrue: () => boolean): Promise<void> {
      if (isTrue()) return
      const { promise, resolve } = Promise.withResolvers<void>()
      const watcher = () => isTrue() && resolve()
      watchers.add(watcher)
      await promise
      watchers.delete(watcher)
    },

    /** Every access token given out so far is worth nothing any more. */
    revokeAccessTokens: () => accessTokens.clear(),

    async close(): Promise<void> {
      await Promise.all(servers.map(server => server.stop(true)))
    },
  }
}

const decode = (part: string): Record<string, unknown> =>
  JSON.parse(Buffer.from(part, 'base64url').toString() || '{}')
