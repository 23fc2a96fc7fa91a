// The pusher with senders that do as they are told: when it tries again, when it stops, what it tells and logs.
import { describe, expect, test } from 'bun:test'
import { getEventListeners } from 'node:events'
import { type Apps, openApps } from '../../src/push/apps.ts'
import type { AppEntry } from '../../src/push/appsFile.ts'
import type { PushOutcome, PushPayload, PushSender, PushTarget } from '../../src/push/push.ts'
import { createPusher, type PusherOptions } from '../../src/push/pusher.ts'
import { TEST_APP } from './appCredentials.ts'
import { captureLog } from './capturedLog.ts'

const device: PushTarget = {
  platform: 'android',
  app: TEST_APP,
  token: 'a-secret-token-789',
  isSandbox: false,
}
const call: PushPayload = {
  type: 'call',
  unique_key: 'abc',
  phonenumber: '+31501234567',
  caller_id: 'Jan Jansen',
}
const accepted: PushOutcome = { kind: 'accepted', id: '1' }
const later = (afterMs = 0): PushOutcome => ({ kind: 'retry-later', afterMs, reason: 'busy' })

const entryOf = (version: string, platform: AppEntry['platform'] = 'android'): AppEntry => ({
  platform,
  version,
  settings:
    platform === 'apns'
      ? { platform, app: TEST_APP, teamId: 't', keyId: 'k', topic: 'x.voip', signingKey: 's' }
      : { platform: 'android', app: TEST_APP, projectId: 'p', clientEmail: 'e', privateKey: 'k' },
})

/** APPS_FILE whose content a test changes. */
function fakeApps(...entries: AppEntry[]) {
  let current = entries
  const listeners = new Set<() => void>()
  const apps: Apps = {
    isOpen: false,
    find: (app, platform) => current.find(each => each.settings.app === app && each.platform === platform),
    all: () => current,
    onChange(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    close: () => undefined,
  }
  return {
    apps,
    change(...next: AppEntry[]): void {
      current = next
      for (const listener of listeners) listener()
    },
    listeners,
  }
}

/** Opens senders that give the planned outcomes in turn, then accept. */
function planned(...outcomes: PushOutcome[]) {
  const opened: { entry: AppEntry; isSandbox: boolean; isClosed: boolean }[] = []
  let sends = 0
  const openSender = (entry: AppEntry, isSandbox: boolean): PushSender => {
    const own = { entry, isSandbox, isClosed: false }
    opened.push(own)
    return {
      async send() {
        sends++
        return outcomes.shift() ?? accepted
      },
      async close() {
        own.isClosed = true
      },
    }
  }
  return { openSender, opened, sends: () => sends }
}

function open(more: Partial<PusherOptions> = {}) {
  const captured = captureLog()
  const { apps } = fakeApps(entryOf('1'))
  const pusher = createPusher({ apps, log: captured.log, clock: Date.now, random: () => 0, ...more })
  return { pusher, captured }
}

describe('a push', () => {
  test('goes to the sender of its app and is told with platform, outcome and time', async () => {
    const vendor = planned()
    const sent: object[] = []
    const { pusher } = open({ openSender: vendor.openSender, onPush: each => sent.push(each) })
    expect(await pusher.push(device, call, new AbortController().signal)).toEqual(accepted)
    const told = {
      app: 'com.example.phone',
      platform: 'android',
      outcome: 'accepted',
      seconds: expect.any(Number),
    }
    expect(sent).toEqual([told])
    await pusher.close()
  })

  test('is tried again while the vendor says later, and each try is told', async () => {
    const vendor = planned(later(), later())
    const sent: string[] = []
    const { pusher } = open({ openSender: vendor.openSender, onPush: each => sent.push(each.outcome) })
    const wait = new AbortController()
    expect(await pusher.push(device, call, wait.signal)).toEqual(accepted)
    expect(sent).toEqual(['retry-later', 'retry-later', 'accepted'])
    expect(getEventListeners(wait.signal, 'abort')).toHaveLength(0)
    await pusher.close()
  })

  test('is not tried again before the vendor wishes; the end of the wait ends it with the last outcome', async () => {
    const vendor = planned(later(60_000))
    const { pusher, captured } = open({ openSender: vendor.openSender })
    const wait = new AbortController()
    const outcome = pusher.push(device, call, wait.signal)
    await captured.line('tried again')
    wait.abort()
    expect(await outcome).toEqual(later(60_000))
    expect(vendor.sends()).toBe(1)
    expect(getEventListeners(wait.signal, 'abort')).toHaveLength(0)
    await pusher.close()
  })

  test('that a newer one supersedes is not tried again', async () => {
    const vendor = planned(later(60_000))
    const { pusher, captured } = open({ openSender: vendor.openSender })
    const [wait, attempt] = [new AbortController(), new AbortController()]
    const outcome = pusher.push(device, call, wait.signal, attempt.signal)
    await captured.line('tried again')
    attempt.abort()
    expect(await outcome).toEqual(later(60_000))
    expect(vendor.sends()).toBe(1)
    for (const { signal } of [wait, attempt]) expect(getEventListeners(signal, 'abort')).toHaveLength(0)
    await pusher.close()
  })

  for (const outcome of [{ kind: 'token-gone', sinceMs: 1 }, later()] satisfies PushOutcome[])
    test(`superseded while the vendor thinks still ends as ${outcome.kind}`, async () => {
      const { promise, resolve } = Promise.withResolvers<PushOutcome>()
      let sends = 0
      const send = (_target: PushTarget, _payload: PushPayload, signal: AbortSignal) => {
        sends++
        signal.addEventListener('abort', () => resolve({ kind: 'refused', reason: 'called off' }))
        return promise
      }
      const { pusher } = open({ openSender: () => ({ send, close: async () => undefined }) })
      const attempt = new AbortController()
      const pushed = pusher.push(device, call, new AbortController().signal, attempt.signal)
      attempt.abort()
      resolve(outcome)
      expect(await pushed).toEqual(outcome)
      expect(sends).toBe(1)
      await pusher.close()
    })

  for (const outcome of [
    { kind: 'refused', reason: 'BadTopic' },
    { kind: 'token-gone', sinceMs: 1 },
  ] satisfies PushOutcome[])
    test(`that is ${outcome.kind} is tried once`, async () => {
      const vendor = planned(outcome)
      const { pusher } = open({ openSender: vendor.openSender })
      expect(await pusher.push(device, call, new AbortController().signal)).toEqual(outcome)
      expect(vendor.sends()).toBe(1)
      await pusher.close()
    })

  test('for an app that is not in APPS_FILE is refused', async () => {
    const { pusher, captured } = open({ openSender: planned().openSender })
    const outcome = await pusher.push({ ...device, app: 'other' }, call, new AbortController().signal)
    expect(outcome).toEqual({ kind: 'refused', reason: 'the app is not in APPS_FILE' })
    expect(captured.lines).toContainEqual(expect.objectContaining({ level: 40, msg: 'push refused' }))
    await pusher.close()
  })

  test('beyond the maximum is one for later, at once', async () => {
    const { promise, resolve } = Promise.withResolvers<PushOutcome>()
    const openSender = (): PushSender => ({ send: () => promise, close: async () => undefined })
    const { pusher } = open({ openSender, pushesMax: 2 })
    const { signal } = new AbortController()
    const running = [pusher.push(device, call, signal), pusher.push(device, call, signal)]
    expect(await pusher.push(device, call, signal)).toMatchObject({
      kind: 'retry-later',
      reason: 'too many pushes under way',
    })
    resolve(accepted)
    await Promise.all(running)
    expect(await pusher.push(device, call, signal)).toEqual(accepted)
    await pusher.close()
  })

  test('that meets a bug in a sender is refused and logged, and harms no other', async () => {
    const openSender = (): PushSender => ({
      send: async () => {
        throw new TypeError('a bug')
      },
      close: async () => undefined,
    })
    const { pusher, captured } = open({ openSender })
    const outcome = await pusher.push(device, call, new AbortController().signal)
    expect(outcome).toEqual({ kind: 'refused', reason: 'a bug' })
    expect(captured.lines).toContainEqual(expect.objectContaining({ level: 50, msg: 'a push sender failed' }))
    await pusher.close()
  })

  test('leaves no push token in the log, whatever becomes of it', async () => {
    const vendor = planned(later(), { kind: 'refused', reason: 'x' }, { kind: 'token-gone', sinceMs: 1 })
    const { pusher, captured } = open({ openSender: vendor.openSender })
    for (let i = 0; i < 3; i++) await pusher.push(device, call, new AbortController().signal)
    expect(captured.lines.length).toBeGreaterThan(3)
    expect(JSON.stringify(captured.lines)).not.toContain('secret-token')
    await pusher.close()
  })
})

describe('senders', () => {
  test('are one for each app, and for Apple one for each environment', async () => {
    const vendor = planned()
    const { apps } = fakeApps(entryOf('1'), entryOf('2', 'apns'))
    const { pusher } = open({ apps, openSender: vendor.openSender })
    const iphone: PushTarget = { ...device, platform: 'apns' }
    const { signal } = new AbortController()
    for (const isSandbox of [false, true, false]) {
      await pusher.push({ ...device, isSandbox }, call, signal)
      await pusher.push({ ...iphone, isSandbox }, call, signal)
    }
    const kinds = vendor.opened.map(({ entry, isSandbox }) => `${entry.platform} ${isSandbox}`)
    expect(kinds).toEqual(['android false', 'apns false', 'apns true'])
    await pusher.close()
    expect(vendor.opened.map(each => each.isClosed)).toEqual([true, true, true])
  })

  test('are replaced when APPS_FILE changes their credentials, and closed after their last push', async () => {
    const file = fakeApps(entryOf('1'))
    const answers: ((outcome: PushOutcome) => void)[] = []
    const events: string[] = []
    const firstClosed = Promise.withResolvers<void>()
    const openSender = ({ version }: AppEntry): PushSender => ({
      send() {
        const { promise, resolve } = Promise.withResolvers<PushOutcome>()
        answers.push(resolve)
        return promise
      },
      async close() {
        events.push(`${version} closed`)
        firstClosed.resolve()
      },
    })
    const { pusher } = open({ apps: file.apps, openSender })
    const { signal } = new AbortController()
    const first = pusher.push(device, call, signal)
    file.change(entryOf('2'))
    const second = pusher.push(device, call, signal)
    expect(events).toEqual([])
    answers[0]!(accepted)
    await first
    await firstClosed.promise
    expect(events).toEqual(['1 closed'])
    answers[1]!(accepted)
    await second
    await pusher.close()
    expect(events).toEqual(['1 closed', '2 closed'])
    expect(file.listeners.size).toBe(0)
  })
})

describe('closing', () => {
  test('ends the waiting between two tries, and further pushes are for later', async () => {
    const vendor = planned(later(60_000))
    const { pusher, captured } = open({ openSender: vendor.openSender })
    const { signal } = new AbortController()
    const outcome = pusher.push(device, call, signal)
    await captured.line('tried again')
    await pusher.close()
    expect(await outcome).toEqual(later(60_000))
    expect(await pusher.push(device, call, signal)).toMatchObject({ reason: 'the pusher is closed' })
  })
})

describe('without APPS_FILE', () => {
  const response = 'http://127.0.0.1:8080/api/call-response/?token=eyJ.abc.def'

  test("every push is accepted and logged with the URL that confirms it, but no device's token", async () => {
    const captured = captureLog()
    const apps = openApps(undefined, captured)
    const { pusher } = open({ apps, log: captured.log })
    const payload: PushPayload = { ...call, response_api: response, token: 'eyJ.abc.def', attempt: 1 }
    const outcome = await pusher.push(device, payload, new AbortController().signal)
    expect(outcome).toEqual({ kind: 'accepted', id: 'log-1', isLogged: true })
    const line = await captured.line("push 'call' goes here")
    expect(line).toMatchObject({
      level: 30,
      platform: 'android',
      app: TEST_APP,
      device: '…789',
      unique_key: 'abc',
      response_api: response,
      attempt: 1,
      // Under the names that the service's log masks by.
      phonenumber: call.phonenumber,
      callerId: call.caller_id,
    })
    expect(JSON.stringify(captured.lines)).not.toContain('secret-token')
    await pusher.close()
  })
})
