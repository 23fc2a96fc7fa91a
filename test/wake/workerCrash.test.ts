// A wait worker dies in the middle of its waits: a successor takes them over, and every PBX gets its answer.
import { afterAll, beforeAll, beforeEach, expect, test } from 'bun:test'
import { unlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { acked, answer, askPbx, naked, proceeds, refuses, registerPhone } from '../harness/client.ts'
import { forAllTests } from '../harness/forAllTests.ts'
import { eventually, obstaclesOf, readMetrics, untilReady } from '../harness/internal.ts'
import { startVendorService } from '../harness/vendor.ts'

/** While this file is there, no successor begins. */
const holdBack = join(tmpdir(), `hold-back-${crypto.randomUUID()}`)

const [redis, service] = forAllTests(startVendorService, {
  APP_PUSH_ROUNDTRIP_WAIT: '3000',
  APP_PUSH_RESEND_INTERVAL: '60000',
  TEST_WAIT_PROGRAM: '../wake/crashingWait.ts',
  TEST_HOLD_BACK: holdBack,
})
beforeAll(async () => {
  await registerPhone(service.publicUrl, { sip_user_id: '801' })
})
beforeEach(() => untilReady(service.internalUrl))
afterAll(async () => {
  await unlink(holdBack).catch(() => undefined)
})

const ask = (callId: string) => askPbx(service.publicUrl, { sip_user_id: '801', call_id: callId })
const pushOf = async (callId: string, nth = 1) =>
  (await service.sent(({ payload }) => payload.call_id === callId, nth)).payload as Record<string, string>
const crashes = async () =>
  (await readMetrics(service.internalUrl)).get('hookswitch_wait_worker_crashes_total')!
const confirmPush = async (callId: string, nth?: number) =>
  answer(await pushOf(callId, nth), { baseUrl: service.publicUrl })

test('its waits go on at the successor, which pushes again and hears the confirmation', async () => {
  const before = await crashes()
  const bystander = ask('bystander')
  await pushOf('bystander')
  const held = ask('crash-confirmed')
  await pushOf('crash-confirmed', 2)
  expect(await crashes()).toBe(before + 1)
  expect(await confirmPush('crash-confirmed', 2)).toEqual(proceeds)
  expect(await held).toEqual(acked)
  expect(await confirmPush('bystander', 2)).toEqual(proceeds)
  expect(await bystander).toEqual(acked)
})

test('a confirmation while nobody listens ends the wake, for the app and for the PBX', async () => {
  await Bun.write(holdBack, '')
  const held = ask('crash-between')
  const push = await pushOf('crash-between')
  const inboxes = () => redis.client.pubsub('CHANNELS', 'hookswitch:inbox:*')
  await eventually('nobody to listen', async () => ((await inboxes()) as string[]).length === 0)
  expect(await answer(push, { baseUrl: service.publicUrl })).toEqual(refuses('ended'))
  await unlink(holdBack)
  expect(await held).toEqual(naked('caller-gone'))
})

test('a call that comes while nobody listens is held, and the others end in time', async () => {
  const before = await crashes()
  const silent = ask('crash-silent')
  await eventually('the crash', async () => (await crashes()) > before)
  const held = ask('comes-between')
  expect(await confirmPush('comes-between')).toEqual(proceeds)
  expect(await held).toEqual(acked)
  expect(await silent).toEqual(naked('timeout'))
  expect(await confirmPush('crash-silent')).toEqual(refuses('expired'))
})

test('the service is ready again afterwards', async () => {
  expect(await obstaclesOf(service.internalUrl)).toEqual([])
  const held = ask('after-all')
  expect(await confirmPush('after-all')).toEqual(proceeds)
  expect(await held).toEqual(acked)
})
