// What an app hears when it answers: the verdict, before and after the call's end, the first time and again. One
// service holds calls long, another briefly, on the same Redis.
import { describe, expect, test } from 'bun:test'
import { idOfToken } from '../../src/redis/devices/devices.ts'
import {
  acked,
  answer,
  askPbx,
  confirm,
  endCall,
  naked,
  postForm,
  proceeds,
  refuses,
  registerPhone,
} from '../harness/client.ts'
import { forAllTests } from '../harness/forAllTests.ts'
import { startService } from '../harness/service.ts'
import { JWT_SECRETS, signConfirmation } from '../harness/tokens.ts'

const [redis, patient, hasty] = forAllTests(
  startService,
  { JWT_SECRETS, APP_PUSH_ROUNDTRIP_WAIT: '20000' },
  { JWT_SECRETS, APP_PUSH_ROUNDTRIP_WAIT: '200' },
)

/** A phone of its own for each test; @returns how the app answers a call. */
async function phoneOf(account: string, deviceId = idOfToken(`token-${account}`)) {
  await registerPhone(patient.publicUrl, { sip_user_id: account, token: `token-${account}` })
  return async (callId: string, fields: Record<string, string> = {}) =>
    confirm(patient.publicUrl, {
      token: await signConfirmation({ account, callId, deviceId }),
      callId,
      fields,
    })
}

/** A PBX asks and is held; resolves when the push has left. */
async function holdCall(account: string, callId: string, signal?: AbortSignal) {
  const answered = askPbx(patient.publicUrl, { sip_user_id: account, call_id: callId }, signal)
  await patient.pushed(callId)
  return { answered }
}

describe('the verdict', () => {
  test('is proceed, with 202, for the first confirmation, and again when the app repeats it', async () => {
    const app = await phoneOf('101')
    const { answered } = await holdCall('101', 'first')
    expect(await app('first')).toEqual(proceeds)
    expect(await answered).toEqual(acked)
    expect(await app('first')).toEqual(proceeds)
    expect(await app('first', { available: 'false' })).toEqual(proceeds)
  })

  test('is the same whether the token comes in the URL of the push or as a bearer', async () => {
    const app = await phoneOf('102')
    const { answered } = await holdCall('102', 'both-ways')
    expect(await answer(await patient.pushed('both-ways'), { baseUrl: hasty.publicUrl })).toEqual(proceeds)
    expect(await app('both-ways')).toEqual(proceeds)
    expect(await answered).toEqual(acked)
  })

  test('is expired after the deadline, the first time and again', async () => {
    const app = await phoneOf('103')
    expect(await askPbx(hasty.publicUrl, { sip_user_id: '103', call_id: 'late' })).toEqual(naked('timeout'))
    expect(await app('late')).toEqual(refuses('expired'))
    expect(await app('late')).toEqual(refuses('expired'))
  })

  test('is ended after the PBX hung up on its request', async () => {
    const app = await phoneOf('104')
    const leaving = new AbortController()
    const { answered } = await holdCall('104', 'hung-up', leaving.signal)
    leaving.abort()
    await expect(answered).rejects.toThrow()
    await patient.logged(line => line.callId === 'hung-up' && line.reason === 'caller-gone')
    expect(await app('hung-up')).toEqual(refuses('ended'))
    expect(await app('hung-up')).toEqual(refuses('ended'))
  })

  test('is ended after the PBX said that the caller hung up', async () => {
    const app = await phoneOf('105')
    const { answered } = await holdCall('105', 'said-over')
    expect(await endCall(patient.publicUrl, 'said-over', 'caller_hangup')).toBe(200)
    expect(await answered).toEqual(naked('caller-gone'))
    expect(await app('said-over')).toEqual(refuses('ended'))
  })

  test('is answered_elsewhere after the PBX said so', async () => {
    const app = await phoneOf('106')
    const { answered } = await holdCall('106', 'desk-phone')
    expect(await endCall(hasty.publicUrl, 'desk-phone', 'answered_elsewhere')).toBe(200)
    expect(await answered).toEqual(naked('caller-gone'))
    expect(await app('desk-phone')).toEqual(refuses('answered_elsewhere'))
  })

  test('stays what it was when the PBX ends the call after the confirmation', async () => {
    const app = await phoneOf('107')
    for (const reason of ['caller_hangup', 'answered_elsewhere']) {
      const { answered } = await holdCall('107', `after-${reason}`)
      expect(await app(`after-${reason}`)).toEqual(proceeds)
      expect(await answered).toEqual(acked)
      expect(await endCall(patient.publicUrl, `after-${reason}`, reason)).toBe(200)
      expect(await app(`after-${reason}`)).toEqual(proceeds)
    }
  })

  test('is answered_elsewhere for every device but the one that confirmed first', async () => {
    for (const id of ['one', 'two', 'three'])
      await registerPhone(patient.publicUrl, { sip_user_id: '108', token: `token-${id}`, device_id: id })
    const held = postForm(
      `${patient.publicUrl}/api/incoming-call/`,
      { sip_user_id: '108', phonenumber: '1', call_id: 'three-phones' },
      { headers: { accept: 'application/json' } },
    )
    await patient.pushed('three-phones', 3)
    const [one, two, three] = await Promise.all(
      ['one', 'two', 'three'].map(deviceId =>
        signConfirmation({ account: '108', callId: 'three-phones', deviceId }),
      ),
    )
    const app = (token: string) => confirm(hasty.publicUrl, { token, callId: 'three-phones' })
    expect(await app(two!)).toEqual(proceeds)
    expect(await app(one!)).toEqual(refuses('answered_elsewhere'))
    expect(await (await held).json()).toMatchObject({ status: 'ACK', device_id: 'two' })
    expect(await app(three!)).toEqual(refuses('answered_elsewhere'))
    expect(await app(two!)).toEqual(proceeds)
    expect(await app(one!)).toEqual(refuses('answered_elsewhere'))
  })

  test('is unknown for a call that nobody knows', async () => {
    const app = await phoneOf('109')
    expect(await app('never-was')).toEqual(refuses('unknown'))
  })

  test('is proceed for a phone that says it is not available, and the PBX gets NAK unavailable', async () => {
    const app = await phoneOf('110')
    const { answered } = await holdCall('110', 'not-now')
    expect(await app('not-now', { available: 'false' })).toEqual(proceeds)
    expect(await answered).toEqual(naked('unavailable'))
    expect(await app('not-now', { available: 'true' })).toEqual(proceeds)
  })

  test('of one call goes by account: a ring group wakes two, and each has its own outcome', async () => {
    const [first, second] = [await phoneOf('111'), await phoneOf('112')]
    const { answered: toFirst } = await holdCall('111', 'group')
    const toSecond = askPbx(patient.publicUrl, { sip_user_id: '112', call_id: 'group' })
    await patient.pushed('group', 2)
    expect(await second('group')).toEqual(proceeds)
    expect(await toSecond).toEqual(acked)
    expect(await first('group', { available: 'false' })).toEqual(proceeds)
    expect(await toFirst).toEqual(naked('unavailable'))
  })

  test('is ended for all accounts of a ring group when the PBX ends the call', async () => {
    const [first, second] = [await phoneOf('113'), await phoneOf('114')]
    const { answered: toFirst } = await holdCall('113', 'group-over')
    const toSecond = askPbx(patient.publicUrl, { sip_user_id: '114', call_id: 'group-over' })
    await patient.pushed('group-over', 2)
    expect(await endCall(patient.publicUrl, 'group-over', 'caller_hangup')).toBe(200)
    expect(await Promise.all([toFirst, toSecond])).toEqual([naked('caller-gone'), naked('caller-gone')])
    expect(await first('group-over')).toEqual(refuses('ended'))
    expect(await second('group-over')).toEqual(refuses('ended'))
  })

  test('can be had for two minutes after the wait, no longer: the record goes by itself', async () => {
    await phoneOf('115')
    await askPbx(hasty.publicUrl, { sip_user_id: '115', call_id: 'kept' })
    for (const key of await redis.client.keys('hookswitch:w*kept*'))
      expect(await redis.client.pttl(key)).toBeWithin(100_000, 120_101)
    expect((await redis.client.keys('hookswitch:w*kept*')).length).toBe(2)
  })
})

test('a call-ended for a call that nobody knows is 404', async () => {
  expect(await endCall(patient.publicUrl, 'never-was', 'caller_hangup')).toBe(404)
})
