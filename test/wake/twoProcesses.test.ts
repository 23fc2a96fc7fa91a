// Two service processes on one Redis are one service: whatever arrives at one counts at the other. They have no
// JWT_SECRETS, so they share the key that the first of them made.
import { expect, test } from 'bun:test'
import {
  acked,
  answer,
  askPbx,
  naked,
  postForm,
  proceeds,
  refuses,
  registerPhone,
} from '../harness/client.ts'
import { forAllTests } from '../harness/forAllTests.ts'
import { eventually } from '../harness/internal.ts'
import { startService } from '../harness/service.ts'

const SETTINGS = { APP_PUSH_ROUNDTRIP_WAIT: '20000', APP_PUSH_RESEND_INTERVAL: '60000' }
const [redis, first, second] = forAllTests(startService, SETTINGS, SETTINGS)
const start = () => startService({ PUBSUB_REDIS_URL: redis.url, ...SETTINGS })

test('a phone registered at one is woken by a PBX at the other, and may answer at either', async () => {
  expect(await registerPhone(first.publicUrl, { sip_user_id: '701' })).toBe(201)
  for (const [callId, app] of [
    ['answered-at-first', first],
    ['answered-at-second', second],
  ] as const) {
    const held = askPbx(second.publicUrl, { sip_user_id: '701', call_id: callId })
    const push = await second.pushed(callId)
    expect(await answer(push, { baseUrl: app.publicUrl })).toEqual(proceeds)
    expect(await held).toEqual(acked)
    expect(await answer(push, { baseUrl: first.publicUrl })).toEqual(proceeds)
  }
  expect(first.pushesOf('answered-at-first')).toEqual([])
})

test('a phone that says no at one ends the wait at the other', async () => {
  await registerPhone(second.publicUrl, { sip_user_id: '702' })
  const held = askPbx(first.publicUrl, { sip_user_id: '702', call_id: 'no' })
  const push = await first.pushed('no')
  await answer(push, { baseUrl: second.publicUrl, fields: { available: 'false' } })
  expect(await held).toEqual(naked('unavailable'))
})

test('a phone signs off at one and is no longer woken by the other', async () => {
  await registerPhone(first.publicUrl, { sip_user_id: '703' })
  const fields = { sip_user_id: '703', token: 'push-token', app: 'com.example.phone' }
  const removed = await postForm(`${second.publicUrl}/api/android-device/`, fields, { method: 'DELETE' })
  expect(removed.status).toBe(200)
  expect(await askPbx(first.publicUrl, { sip_user_id: '703' })).toEqual(naked('no-device'))
})

test('when the process that holds the call is killed, the app hears that the call ended', async () => {
  await registerPhone(first.publicUrl, { sip_user_id: '704' })
  await using doomed = await start()
  const held = askPbx(doomed.publicUrl, { sip_user_id: '704', call_id: 'orphan' })
  held.catch(() => undefined)
  const push = await doomed.pushed('orphan')
  await doomed.kill()
  await expect(held).rejects.toThrow()
  expect(await answer(push, { baseUrl: first.publicUrl })).toEqual(refuses('ended'))
  expect(await answer(push, { baseUrl: second.publicUrl })).toEqual(refuses('ended'))
})

test('when the process that held the call first is killed, a request that joined is still confirmed', async () => {
  await registerPhone(first.publicUrl, { sip_user_id: '705' })
  await using doomed = await start()
  const orphan = askPbx(doomed.publicUrl, { sip_user_id: '705', call_id: 'heir' })
  orphan.catch(() => undefined)
  const push = await doomed.pushed('heir')
  const heir = askPbx(second.publicUrl, { sip_user_id: '705', call_id: 'heir' })
  await eventually('the second to join', async () => {
    const waiters = await redis.client.hget('hookswitch:wake:{heir}:705', 'waiters')
    return waiters!.includes('\n')
  })
  await doomed.kill()
  await expect(orphan).rejects.toThrow()
  expect(await answer(push, { baseUrl: first.publicUrl })).toEqual(proceeds)
  expect(await heir).toEqual(acked)
})
