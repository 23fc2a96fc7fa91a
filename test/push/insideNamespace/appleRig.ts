// What the tests of Apple's sender share: one stub at Apple's production host, devices, and a clock to move.
import { afterAll, beforeAll } from 'bun:test'
import { createApnsSender } from '../../../src/push/apns.ts'
import { createProviderTokens, type ProviderTokens } from '../../../src/push/apnsToken.ts'
import type { TransportLimits } from '../../../src/push/apnsTransport.ts'
import type { PushPayload, PushTarget } from '../../../src/push/push.ts'
import { type ApnsStub, startApnsStub } from '../apnsStub.ts'
import { makeAppleCredentials, TEST_APP, TEST_TOPIC } from '../appCredentials.ts'

export const SANDBOX_HOST = 'api.sandbox.push.apple.com'

export const apple = makeAppleCredentials()
export const call: PushPayload = { type: 'call', unique_key: 'abc', phonenumber: '+3150', attempt: 1 }
/** A wait that never ends. */
export const forever = new AbortController().signal

let nowMs = Date.now()
export const clock = () => nowMs
export const passTime = (ms: number): void => {
  nowMs += ms
}

/** One for all tests, as in a process: a token for each would be too many for Apple. */
const sharedTokens = createProviderTokens(clock)
let deviceCount = 0

/** A device nobody else uses, so that plans and received pushes don't mix. */
export function newDevice(): PushTarget {
  deviceCount++
  const token = deviceCount.toString(16).padStart(64, '0')
  return { platform: 'apns', app: TEST_APP, token, isSandbox: false }
}

interface SenderOptions {
  limits?: Partial<TransportLimits & { sendMs: number }>
  isSandbox?: boolean
  sendsMessagesOverVoip?: boolean
  providerTokens?: ProviderTokens
  signingKey?: string
}

/** A sender with short limits, closed at the end of its test. */
export function openSender(more: SenderOptions = {}) {
  const { teamId, keyId, signingKey } = { ...apple, ...more }
  const sender = createApnsSender({
    app: { platform: 'apns', app: TEST_APP, teamId, keyId, topic: TEST_TOPIC, signingKey },
    isSandbox: more.isSandbox ?? false,
    sendsMessagesOverVoip: more.sendsMessagesOverVoip ?? true,
    providerTokens: more.providerTokens ?? sharedTokens,
    clock,
    limits: { quietMs: 200, probeMs: 100, sendMs: 1_500, ...more.limits },
  })
  return { ...sender, [Symbol.asyncDispose]: () => sender.close() }
}

/** The stub at the production host, as long as the calling file's tests run. */
export let stub: ApnsStub
export function useApple(): void {
  beforeAll(async () => {
    stub = await startApnsStub({ host: 'api.push.apple.com', keys: [apple], clock })
  })
  afterAll(() => stub.close())
}

export const receivedBy = (device: PushTarget) => stub.received.filter(push => push.token === device.token)
