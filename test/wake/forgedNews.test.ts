// Whoever may publish on Redis can write to the channel on which a waiting worker hears: what is written there does not
// tell a PBX that a phone is ready. The wake's record decides.
import { beforeAll, expect, test } from 'bun:test'
import { acked, answer, askPbx, naked, proceeds, registerPhone } from '../harness/client.ts'
import { forAllTests } from '../harness/forAllTests.ts'
import { startService } from '../harness/service.ts'

const [redis, service] = forAllTests(startService, {
  APP_PUSH_ROUNDTRIP_WAIT: '20000',
  APP_PUSH_RESEND_INTERVAL: '60000',
})
beforeAll(async () => {
  await registerPhone(service.publicUrl, { sip_user_id: '801', device_id: 'phone' })
})

const LINES = [
  'confirmed confirmed phone',
  'ended timeout ',
  'ended caller-gone ',
  'unavailable  phone',
  'lead  ',
  'confirmed confirmed phone\n0123456789abcdef',
  'joined 1 hookswitch:wake:{forged}:801',
  'nonsense',
]

test('forged lines of every kind change nothing for a call that waits, and its phone confirms it', async () => {
  const asked = askPbx(service.publicUrl, { sip_user_id: '801', call_id: 'forged' })
  const push = await service.pushed('forged')
  const waiter = (await redis.client.hget('hookswitch:wake:{forged}:801', 'waiters'))!
  const [inbox = '', number = ''] = waiter.split(' ')
  for (const line of LINES)
    for (const id of [number, '0', '1', 'x'])
      expect(await redis.client.publish(inbox, `${id} ${line}`)).toBe(1)
  // What the worker hears is heard in order: when it has answered a second call, it has read all of that.
  expect(await askPbx(service.publicUrl, { sip_user_id: 'nobody', call_id: 'later' })).toEqual(
    naked('no-device'),
  )
  expect(await redis.client.hget('hookswitch:wake:{forged}:801', 'state')).toBe('waiting')
  expect(service.pushesOf('forged')).toHaveLength(1)
  expect(service.log.filter(line => line.callId === 'forged' && 'waitedMs' in line)).toEqual([])
  expect(await answer(push, { baseUrl: service.publicUrl })).toEqual(proceeds)
  expect(await asked).toEqual(acked)
})

test('what a former wake of the call was told proves nothing to the next one', async () => {
  const heard: string[] = []
  const ear = redis.client.duplicate()
  ear.on('message', (_channel, line: string) => heard.push(line))
  const first = askPbx(service.publicUrl, { sip_user_id: '801', call_id: 'twice' })
  const push = await service.pushed('twice')
  const waiter = (await redis.client.hget('hookswitch:wake:{twice}:801', 'waiters'))!
  const [inbox = ''] = waiter.split(' ')
  await ear.subscribe(inbox)
  await answer(push, { baseUrl: service.publicUrl })
  expect(await first).toEqual(acked)
  const line = heard.find(each => each.includes('confirmed'))!

  const second = askPbx(service.publicUrl, { sip_user_id: '801', call_id: 'twice' })
  const next = await service.pushed('twice', 2)
  const number = (await redis.client.hget('hookswitch:wake:{twice}:801', 'waiters'))!.split(' ')[1]!
  await redis.client.publish(inbox, line.replace(/^\d+/, number))
  await askPbx(service.publicUrl, { sip_user_id: 'nobody', call_id: 'later-too' })
  expect(await redis.client.hget('hookswitch:wake:{twice}:801', 'state')).toBe('waiting')
  expect(await answer(next, { baseUrl: service.publicUrl })).toEqual(proceeds)
  expect(await second).toEqual(acked)
  ear.disconnect()
})
