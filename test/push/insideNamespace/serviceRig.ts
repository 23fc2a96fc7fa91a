// The whole service as its operator runs it, between a PBX, a real Redis, and both vendors' stubs at the vendors' own
// names. It hands out phones that registered over HTTP, calls that a PBX posted, and the pushes that the vendors got.
// Works only inside the vendors' namespace.
import { mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type AppVerdict, askPbx, type PbxAnswer, postForm, registerPhone } from '../../harness/client.ts'
import { untilReady } from '../../harness/internal.ts'
import { freePort, startRedis } from '../../harness/redis.ts'
import { startService, type TestService } from '../../harness/service.ts'
import { JWT_SECRETS } from '../../harness/tokens.ts'
import { startApnsStub } from '../apnsStub.ts'
import { makeAppleCredentials, makeGoogleCredentials, TEST_TOPIC, writeAppsFile } from '../appCredentials.ts'
import { startFcmStub } from '../fcmStub.ts'
import { startRelay } from '../relay.ts'

export type Platform = 'apns' | 'android' | 'gcm'
export const PLATFORMS: Platform[] = ['apns', 'android', 'gcm']

/** A topic beside the test app's, for an app that comes later. */
export const SECOND_TOPIC = 'com.example.second.voip'

export interface Phone {
  account: string
  platform: Platform
  token: string
  isSandbox: boolean
}

/** What the app finds in a push: APNs' keys beside `aps`, FCM's `data`. */
export type Push = Record<string, unknown>

/** A call that a PBX posted and that is held. */
export interface Ringing {
  callId: string
  answer: Promise<PbxAnswer>
  isAnswered(): boolean
  /** The PBX drops its request. */
  hangUp(): void
}

export type ServiceRig = Awaited<ReturnType<typeof startServiceRig>>

/** Starts Redis, the stubs and one service for each of the settings given. Resolves when all are ready. */
export async function startServiceRig<Name extends string>(pods: Record<Name, Record<string, string>>) {
  const apple = { ...makeAppleCredentials(), topics: [TEST_TOPIC, SECOND_TOPIC] }
  const google = makeGoogleCredentials()
  const [redis, apns, sandbox, fcm] = await Promise.all([
    startRedis(),
    startApnsStub({ host: 'api.push.apple.com', keys: [apple] }),
    startApnsStub({ host: 'api.sandbox.push.apple.com', keys: [apple] }),
    startFcmStub(google, { port: 0 }),
  ])
  const fcmLine = await startRelay('fcm.googleapis.com', fcm.port)
  const directory = mkdtempSync(join(tmpdir(), 'hookswitch-end-to-end-'))
  const appsFile = writeAppsFile(directory, apple, google)
  const all: TestService[] = []

  /** Another one. Resolves when it is ready. */
  async function start(settings: Record<string, string>): Promise<TestService> {
    const port = String(await freePort())
    const APP_API_URL = `http://127.0.0.1:${port}`
    const own = { PUBSUB_REDIS_URL: redis.url, JWT_SECRETS, APPS_FILE: appsFile, PORT: port, APP_API_URL }
    const service = await startService({ ...own, ...settings })
    all.push(service)
    await untilReady(service.internalUrl)
    return service
  }

  const started = await Promise.all(
    Object.entries<Record<string, string>>(pods).map(
      async ([name, settings]) => [name, await start(settings)] as const,
    ),
  )
  const services = Object.fromEntries(started) as Record<Name, TestService>
  let phoneCount = 0
  let accountCount = 0
  let callCount = 0

  const stubOf = ({ platform, isSandbox }: Phone) => (platform !== 'apns' ? fcm : isSandbox ? sandbox : apns)

  /** All pushes that the vendor accepted for a phone, oldest first. */
  function pushesTo(phone: Phone): Push[] {
    if (phone.platform !== 'apns')
      return fcm.received.filter(each => each.token === phone.token).map(({ data }) => data)
    const { received } = phone.isSandbox ? sandbox : apns
    return received.filter(each => each.token === phone.token).map(({ payload: { aps, ...own } }) => own)
  }

  return {
    redis,
    apns,
    sandbox,
    fcm,
    fcmLine,
    services,
    start,
    pushesTo,

    newAccount: () => `account-${++accountCount}`,

    /** A phone with a push token that fits either vendor; it has not registered yet. */
    newPhone: (platform: Platform, account = `account-${++accountCount}`, isSandbox = false): Phone => ({
      account,
      platform,
      token: (++phoneCount).toString(16).padStart(64, '0'),
      isSandbox,
    }),

    /** The phone registers. @returns the status. */
    register: (service: TestService, phone: Phone, more: Record<string, string> = {}): Promise<number> =>
      registerPhone(
        service.publicUrl,
        {
          sip_user_id: phone.account,
          token: phone.token,
          ...(phone.isSandbox ? { sandbox: 'true' } : {}),
          ...more,
        },
        phone.platform,
      ),

    /** A PBX posts a call for an account. */
    ring(service: TestService, account: string, fields: Record<string, string> = {}): Ringing {
      const callId = `call-${++callCount}`
      const dropping = new AbortController()
      let isAnswered = false
      const answer = askPbx(
        service.publicUrl,
        { sip_user_id: account, call_id: callId, ...fields },
        dropping.signal,
      )
      const note = () => {
        isAnswered = true
      }
      answer.then(note, note)
      return { callId, answer, isAnswered: () => isAnswered, hangUp: () => dropping.abort() }
    },

    /** The nth push that the vendor accepted for a phone and that fits (the first, if not said), past or future. */
    async push(phone: Phone, fits: (push: Push) => boolean, nth = 1): Promise<Push> {
      const find = () => pushesTo(phone).filter(fits)[nth - 1]
      await stubOf(phone).until(() => find() !== undefined)
      return find()!
    },

    readAppsFile: () => readFileSync(appsFile, 'utf8'),

    /** Puts another APPS_FILE in the place of the one before, at once and whole. */
    replaceAppsFile(text: string): void {
      const next = join(directory, 'apps.next.json')
      writeFileSync(next, text)
      renameSync(next, appsFile)
    },

    async close(): Promise<void> {
      await Promise.all(all.map(service => service.kill()))
      await fcmLine.close()
      await Promise.all([apns.close(), sandbox.close(), fcm.close(), redis.close()])
      rmSync(directory, { recursive: true })
    },
  }
}

/** Picks the pushes of one call. */
export const callPush =
  (callId: string) =>
  (push: Push): boolean =>
    push.type === 'call' && push.call_id === callId

/** An app of today answers: it posts two fields of the push, as they are, to the URL of the push, as it is. */
export async function answerAsGiven(push: Push): Promise<AppVerdict> {
  const response = await postForm(String(push.response_api), {
    unique_key: String(push.unique_key),
    message_start_time: String(push.message_start_time),
  })
  const body = (await response.json()) as { verdict?: string }
  return { status: response.status, verdict: body.verdict }
}
