// A process holds WAITS_MAX calls and no more: beyond that a PBX is told to try again, and asks another pod.
import { expect, test } from 'bun:test'
import { acked, answer, askPbx, postForm, registerPhone } from '../harness/client.ts'
import { startRedis } from '../harness/redis.ts'
import { startService } from '../harness/service.ts'

test('beyond WAITS_MAX a call is refused with 503 and Retry-After, until one of the held ones ends', async () => {
  await using redis = await startRedis()
  await using service = await startService({
    PUBSUB_REDIS_URL: redis.url,
    WAITS_MAX: '2',
    APP_PUSH_ROUNDTRIP_WAIT: '20000',
  })
  await registerPhone(service.publicUrl, { sip_user_id: '1501' })
  const ask = (callId: string) => askPbx(service.publicUrl, { sip_user_id: '1501', call_id: callId })
  const confirmPushed = async (callId: string) =>
    answer(await service.pushed(callId), { baseUrl: service.publicUrl })

  const [one, two] = [ask('one'), ask('two')]
  await Promise.all([service.pushed('one'), service.pushed('two')])
  const refused = await postForm(`${service.publicUrl}/api/incoming-call/`, {
    sip_user_id: '1501',
    phonenumber: '1',
    call_id: 'three',
  })
  expect(refused.status).toBe(503)
  expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0)
  expect(refused.headers.get('content-type')).toBe('application/problem+json')
  expect(await refused.json()).toMatchObject({
    status: 503,
    title: 'Service Unavailable',
    detail: expect.stringContaining('WAITS_MAX'),
  })
  expect(service.pushesOf('three')).toEqual([])

  await confirmPushed('one')
  expect(await one).toEqual(acked)
  const four = ask('four')
  await confirmPushed('four')
  await confirmPushed('two')
  expect(await Promise.all([two, four])).toEqual([acked, acked])
})

test('beyond WAITS_PER_ACCOUNT an account’s call is refused, another account’s is not', async () => {
  await using redis = await startRedis()
  await using service = await startService({
    PUBSUB_REDIS_URL: redis.url,
    WAITS_PER_ACCOUNT: '2',
    APP_PUSH_ROUNDTRIP_WAIT: '20000',
  })
  for (const account of ['901', '902'])
    await registerPhone(service.publicUrl, { sip_user_id: account, token: `token-${account}` })
  const ask = (account: string, callId: string) =>
    askPbx(service.publicUrl, { sip_user_id: account, call_id: callId })
  const held = [ask('901', 'mine-1'), ask('901', 'mine-2')]
  const pushes = [await service.pushed('mine-1'), await service.pushed('mine-2')]
  const refused = await ask('901', 'mine-3')
  expect(refused.status).toBe(503)
  expect(JSON.parse(refused.body)).toMatchObject({ detail: expect.stringContaining('WAITS_PER_ACCOUNT') })
  const theirs = ask('902', 'theirs')
  await answer(await service.pushed('theirs'), { baseUrl: service.publicUrl })
  expect(await theirs).toEqual(acked)
  await answer(pushes[0]!, { baseUrl: service.publicUrl })
  expect(await held[0]).toEqual(acked)
  const next = ask('901', 'mine-4')
  await answer(await service.pushed('mine-4'), { baseUrl: service.publicUrl })
  expect(await next).toEqual(acked)
  await answer(pushes[1]!, { baseUrl: service.publicUrl })
  expect(await held[1]).toEqual(acked)
})
