// Two apps of one account answer the same call in the same moment, at two service processes: one wins.
import { beforeAll, expect, test } from 'bun:test'
import { confirm, registerPhone } from '../harness/client.ts'
import { forAllTests } from '../harness/forAllTests.ts'
import { holdCall } from '../harness/pbx.ts'
import { startService } from '../harness/service.ts'
import { JWT_SECRETS, signConfirmation } from '../harness/tokens.ts'

const ROUNDS = 200
const PHONES = ['left', 'right']

const SETTINGS = {
  JWT_SECRETS,
  APP_PUSH_ROUNDTRIP_WAIT: '20000',
  APP_PUSH_RESEND_INTERVAL: '60000',
  RATE_LIMIT: '0',
}
const [, ...services] = forAllTests(startService, SETTINGS, SETTINGS)
beforeAll(async () => {
  for (const device_id of PHONES)
    await registerPhone(services[0].publicUrl, { sip_user_id: '501', token: `t-${device_id}`, device_id })
})

test('of two phones that confirm in the same millisecond exactly one proceeds, and the PBX hears which', async () => {
  const wins = { left: 0, right: 0 } as Record<string, number>
  for (let round = 0; round < ROUNDS; round++) {
    const callId = `same-moment-${round}`
    const holder = services[round % 2]!
    const held = await holdCall(holder.publicUrl, '501', callId)
    await holder.pushed(callId, PHONES.length)
    const tokens = await Promise.all(
      PHONES.map(deviceId => signConfirmation({ account: '501', callId, deviceId })),
    )
    const verdicts = await Promise.all(
      tokens.map((token, index) => confirm(services[index]!.publicUrl, { token, callId })),
    )
    expect(verdicts.map(each => each.verdict).toSorted()).toEqual(['answered_elsewhere', 'proceed'])
    const winner = PHONES[verdicts.findIndex(each => each.verdict === 'proceed')]!
    expect(await held.answered).toMatchObject({ status: 'ACK', reason: 'confirmed', device_id: winner })
    wins[winner]!++
  }
  // Neither process has the last word by its nature; otherwise the rounds above raced nothing.
  expect(Math.min(...Object.values(wins))).toBeGreaterThan(0)
})
