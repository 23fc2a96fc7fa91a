// FreeSWITCH's dialplan as the door of a wake, from the socket to the variables: over real sockets, with the service as
// a process and its wait workers as threads.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'bun:test'
import { registerPhone } from '../harness/client.ts'
import { eventually, readMetrics } from '../harness/internal.ts'
import { freePort, startRedis, type TestRedis } from '../harness/redis.ts'
import { ACCEPTED, startVendorService, type VendorPush, type VendorService } from '../harness/vendor.ts'
import { type ChannelOptions, openChannel } from './channel.ts'

const WAIT_MS = 1_500
const ACCOUNT = '1000'

/** FreeSWITCH runs what stands in an application's argument like this. */
const EXPANDS = `\${system(id)}`

let redis: TestRedis
let service: VendorService
let port: number

const start = (settings: Record<string, string> = {}) =>
  startVendorService({
    PUBSUB_REDIS_URL: redis.url,
    SOCKET_PORT: String(port),
    APP_PUSH_ROUNDTRIP_WAIT: String(WAIT_MS),
    APP_PUSH_RESEND_INTERVAL: '5000',
    ...settings,
  })

beforeAll(async () => {
  redis = await startRedis()
  port = await freePort()
  service = await start()
  expect(await registerPhone(service.publicUrl, { sip_user_id: ACCOUNT, token: 'a-token' })).toBe(201)
})
afterAll(async () => {
  await service.kill()
  await redis.close()
})
beforeEach(() => {
  service.decide = () => ACCEPTED
})

const isCallOf = (uuid: string) => (push: VendorPush) =>
  push.payload.type === 'call' && push.payload.call_id === uuid

/** The app answers the push, as published apps do. */
const answerPush = async (push: VendorPush, fields: Record<string, string> = {}) =>
  fetch(`${service.publicUrl}/api/call-response/`, {
    method: 'POST',
    body: new URLSearchParams({ unique_key: String(push.payload.unique_key), ...fields }),
  })

const counted = async (end: string) =>
  (await readMetrics(service.internalUrl)).get(`hookswitch_dialplan_sockets_total{end="${end}"}`)

/** Wakes the phone by a channel, which the app answers at once. */
async function wakeBy(options: ChannelOptions) {
  const channel = await openChannel(port, { account: ACCOUNT, ...options })
  const push = await service.sent(isCallOf(channel.uuid))
  await answerPush(push)
  return { channel, push, wentOn: await channel.wentOn }
}

describe('a dialplan', () => {
  test('hears ringing, and goes on with the outcome when the app confirms', async () => {
    const { channel, push, wentOn } = await wakeBy({})
    expect(wentOn).toBe('let go')
    expect(channel.executed[0]).toBe('ring_ready')
    expect(Object.fromEntries(channel.variables)).toEqual({
      hookswitch_status: 'ACK',
      hookswitch_reason: 'confirmed',
      hookswitch_device_id: expect.stringMatching(/^[A-Za-z0-9_.:-]+$/),
      hookswitch_waited_ms: expect.stringMatching(/^\d+$/),
    })
    expect(push.payload).toMatchObject({
      phonenumber: '+15105550100',
      caller_id: 'Ann',
      call_id: channel.uuid,
    })
  })

  test('is told that the phone said no, at once', async () => {
    const channel = await openChannel(port, { account: ACCOUNT })
    await answerPush(await service.sent(isCallOf(channel.uuid)), { available: 'False' })
    expect(await channel.wentOn).toBe('let go')
    expect([...channel.variables].slice(0, 2)).toEqual([
      ['hookswitch_status', 'NAK'],
      ['hookswitch_reason', 'unavailable'],
    ])
  })

  test('is told that no phone answered when the wait is over', async () => {
    const channel = await openChannel(port, { account: ACCOUNT })
    expect(await channel.wentOn).toBe('let go')
    expect(channel.variables.get('hookswitch_reason')).toBe('timeout')
    expect(Number(channel.variables.get('hookswitch_waited_ms'))).toBeGreaterThanOrEqual(WAIT_MS)
  })

  test('of an account without a phone goes on at once', async () => {
    const channel = await openChannel(port, { account: 'nobody' })
    expect(await channel.wentOn).toBe('let go')
    expect(channel.variables.get('hookswitch_reason')).toBe('no-device')
  })

  test('whose caller hangs up ends the wake: the phone is told, and a late answer hears that it ended', async () => {
    const before = await counted('caller-gone')
    const channel = await openChannel(port, { account: ACCOUNT })
    const push = await service.sent(isCallOf(channel.uuid))
    channel.hangUp()
    await service.sent(each => each.payload.type === 'cancel' && each.payload.call_id === channel.uuid)
    const late = await answerPush(push)
    expect([late.status, await late.json()]).toEqual([404, { verdict: 'ended' }])
    expect(await counted('caller-gone')).toBe(before! + 1)
  })

  test('whose switch dies ends the wake too', async () => {
    const channel = await openChannel(port, { account: ACCOUNT })
    const push = await service.sent(isCallOf(channel.uuid))
    channel.peer.end()
    await service.sent(each => each.payload.type === 'cancel' && each.payload.call_id === channel.uuid)
    expect((await answerPush(push)).status).toBe(404)
  })
})

describe('the name of a caller', () => {
  test.each([
    ['with a per cent sign', { headers: { 'Caller-Caller-ID-Name': '50% off' } }, '50% off'],
    ['with a lone per cent sign on the wire', { rawLines: 'Caller-Caller-ID-Name: 50% off%\n' }, 'Ann'],
    ['in Latin-1', { headers: {}, rawLines: 'variable_x: J%FCrgen\n' }, 'Ann'],
    ['with a line feed and an override', { headers: { 'Caller-Caller-ID-Name': 'a\n\u202eb' } }, 'a b'],
    [
      'of a thousand characters',
      { headers: { 'Caller-Caller-ID-Name': 'x'.repeat(1_000) } },
      'x'.repeat(255),
    ],
    ['beside 10 kB of variables', { headers: { variable_notes: 'y'.repeat(10_000) } }, 'Ann'],
    ['one byte at a time', { pieceBytes: 1 }, 'Ann'],
    ['that expands', { headers: { 'Caller-Caller-ID-Name': EXPANDS } }, EXPANDS],
  ] satisfies [string, ChannelOptions, string][])(
    '%s reaches the phone, and nothing else',
    async (_, options, shown) => {
      const { channel, push, wentOn } = await wakeBy(options)
      expect(wentOn).toBe('let go')
      expect(push.payload.caller_id).toBe(shown)
      // Nothing of a caller's goes back to the switch.
      expect(channel.executed.join()).not.toContain('system')
    },
  )

  test.each([
    ['', 'anonymous'],
    ['anonymous', 'anonymous'],
    ['sip:+4930123456@example.com', '+4930123456'],
  ])('as a number %p rings as %p', async (number, shown) => {
    const { push } = await wakeBy({ headers: { 'Caller-Caller-ID-Number': number } })
    expect(push.payload.phonenumber).toBe(shown)
  })
})

describe('whatever comes that is no such channel', () => {
  test.each([
    ['no account', undefined],
    ['an empty account', ' '],
    ['an account that is none', "1000' OR"],
  ])('is told so when it has %s, and goes on', async (_, account) => {
    const channel = await openChannel(port, account === undefined ? {} : { account })
    expect(await channel.wentOn).toBe('let go')
    expect(channel.variables.get('hookswitch_reason')).toBe('bad-account')
  })

  test.each([
    ['talks HTTP', 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'],
    ['sends a frame of a gigabyte', 'Content-Type: command/reply\nContent-Length: 1073741824\n\n'],
    ['sends no end of a head', 'x'.repeat(400_000)],
  ])('is closed when it %s, and costs no other call', async (_, bytes) => {
    const waiting = await openChannel(port, { account: ACCOUNT })
    const push = await service.sent(isCallOf(waiting.uuid))
    const stranger = await Bun.connect({
      hostname: '127.0.0.1',
      port,
      socket: { data() {}, close: () => closed.resolve(), error: () => closed.resolve() },
    })
    const closed = Promise.withResolvers<void>()
    stranger.write(bytes)
    await answerPush(push)
    expect(await waiting.wentOn).toBe('let go')
    expect(waiting.variables.get('hookswitch_status')).toBe('ACK')
    await closed.promise
  })
})

test('the application for each step is what the switch is asked for, and nothing stays open', async () => {
  const { channel } = await wakeBy({})
  expect(channel.peer.packets.all.map(packet => packet.split('\n')[0])).toEqual([
    'connect',
    'resume',
    'sendmsg',
    'myevents plain',
    'sendmsg',
    'sendmsg',
    'sendmsg',
    'sendmsg',
    'exit',
  ])
  await eventually('no open socket', async () => {
    const metrics = await readMetrics(service.internalUrl)
    return metrics.get('hookswitch_dialplan_sockets') === 0 && metrics.get('hookswitch_waits') === 0
  })
})

describe('a service', () => {
  async function withService(
    settings: Record<string, string>,
    act: (own: VendorService, at: number) => Promise<void>,
  ) {
    const at = await freePort()
    await using own = await start({ SOCKET_PORT: String(at), ...settings })
    await act(own, at)
  }

  test('that does not know the switch turns it away, and its dialplan goes on', () =>
    withService({ PBX_ALLOW: '192.0.2.1' }, async (own, at) => {
      const channel = await openChannel(at, { account: ACCOUNT })
      expect(await channel.wentOn).toBe('let go')
      expect([...channel.variables]).toEqual([])
      expect(own.pushes).toEqual([])
      const refused = 'hookswitch_pbx_refused_total{reason="address"}'
      expect((await readMetrics(own.internalUrl)).get(refused)).toBe(1)
    }))

  test('that can hold no more says busy', () =>
    withService({ WAITS_MAX: '1' }, async (own, at) => {
      const first = await openChannel(at, { account: ACCOUNT })
      await own.sent(isCallOf(first.uuid))
      const second = await openChannel(at, { account: ACCOUNT })
      expect(await second.wentOn).toBe('let go')
      expect(second.variables.get('hookswitch_reason')).toBe('busy')
    }))

  test('that is stopped gives its channels their outcome, takes no new one, and exits 0', () =>
    withService({}, async (own, at) => {
      const channel = await openChannel(at, { account: ACCOUNT })
      await own.sent(isCallOf(channel.uuid))
      const stopped = own.stop()
      expect(await channel.wentOn).toBe('let go')
      expect(channel.variables.get('hookswitch_reason')).toBe('timeout')
      expect(await stopped).toBe(0)
      await expect(openChannel(at)).rejects.toThrow()
    }))

  test('that is killed leaves the dialplan alone, which goes on', () =>
    withService({}, async (own, at) => {
      const channel = await openChannel(at, { account: ACCOUNT })
      await own.sent(isCallOf(channel.uuid))
      await own.kill()
      expect(await channel.wentOn).toBe('left alone')
    }))

  test('whose Redis is away says busy within the time of a command', () =>
    withService({}, async (own, at) => {
      await redis.kill()
      const channel = await openChannel(at, { account: ACCOUNT })
      expect(await channel.wentOn).toBe('let go')
      expect(channel.variables.get('hookswitch_reason')).toBe('busy')
      expect(own.pushes).toEqual([])
    }))
})
