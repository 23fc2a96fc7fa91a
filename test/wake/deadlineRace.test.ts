// Confirmation, deadline and the PBX's hanging up, all in the same moment, hundreds of times: one of them decides, and
// everybody who asks hears the same story, then and later.
import { beforeAll, expect, test } from 'bun:test'
import { type AppVerdict, confirm, proceeds, refuses, registerPhone } from '../harness/client.ts'
import { forAllTests } from '../harness/forAllTests.ts'
import { type HeldAnswer, holdCall } from '../harness/pbx.ts'
import { startService } from '../harness/service.ts'
import { JWT_SECRETS, signConfirmation } from '../harness/tokens.ts'

const WAIT_MS = 250
/** Confirmation and hang-up come this much before or after the deadline at most. */
const SPREAD_MS = 40
const ROUNDS = 200
const AT_ONCE = 50

const SETTINGS = {
  JWT_SECRETS,
  APP_PUSH_ROUNDTRIP_WAIT: String(WAIT_MS),
  RATE_LIMIT: '0',
  WAITS_PER_ACCOUNT: String(AT_ONCE),
}
const [, ...services] = forAllTests(startService, SETTINGS, SETTINGS)
beforeAll(async () => {
  for (const device_id of ['first', 'second'])
    await registerPhone(services[0].publicUrl, { sip_user_id: '502', token: `t-${device_id}`, device_id })
})

interface Story {
  /** undefined: the PBX hung up before it had an answer. */
  pbx: HeldAnswer | undefined
  app: AppVerdict
  appAgain: AppVerdict
  /** The account's other phone, which asks when all is over. */
  otherApp: AppVerdict
}

async function race(callId: string, hasCallerWhoLeaves: boolean): Promise<Story> {
  const [holder, other] = services
  const [first, second] = await Promise.all(
    ['first', 'second'].map(deviceId => signConfirmation({ account: '502', callId, deviceId })),
  )
  const held = await holdCall(holder.publicUrl, '502', callId)
  const aroundDeadline = () => Bun.sleep(WAIT_MS + (Math.random() * 2 - 1) * SPREAD_MS)
  const leaving = hasCallerWhoLeaves ? aroundDeadline().then(held.hangUp) : undefined
  await aroundDeadline()
  const app = await confirm(other.publicUrl, { token: first!, callId })
  const pbx = await held.answered
  await leaving
  await holder.logged(line => line.callId === callId && line.msg === 'incoming call answered')
  return {
    pbx,
    app,
    appAgain: await confirm(holder.publicUrl, { token: first!, callId }),
    otherApp: await confirm(other.publicUrl, { token: second!, callId }),
  }
}

/** What the phones must have heard, given what the PBX heard. */
function isConsistent({ pbx, app, appAgain, otherApp }: Story): boolean {
  const heard = JSON.stringify([app, appAgain, otherApp])
  const wasConfirmed = JSON.stringify([proceeds, proceeds, refuses('answered_elsewhere')])
  const was = (verdict: string) => JSON.stringify([refuses(verdict), refuses(verdict), refuses(verdict)])
  // The PBX left without an answer: whatever had been decided by then.
  if (!pbx) return [wasConfirmed, was('expired'), was('ended')].includes(heard)
  if (pbx.status === 'ACK') return pbx.device_id === 'first' && heard === wasConfirmed
  return pbx.reason === 'timeout' && heard === was('expired')
}

test('a confirmation at the deadline: the PBX and both phones agree on who was first', async () => {
  const outcomes = { ACK: 0, NAK: 0 }
  for (let round = 0; round < ROUNDS; round += AT_ONCE) {
    const stories = await Promise.all(
      Array.from({ length: AT_ONCE }, (_, index) => race(`deadline-${round + index}`, false)),
    )
    expect(stories.filter(story => !isConsistent(story))).toEqual([])
    for (const { pbx } of stories) outcomes[pbx!.status]++
  }
  // Otherwise nothing raced.
  expect(Math.min(outcomes.ACK, outcomes.NAK)).toBeGreaterThan(0)
})

test('a PBX that hangs up at the deadline while an app confirms: one outcome, whoever asks', async () => {
  for (let round = 0; round < ROUNDS; round += AT_ONCE) {
    const stories = await Promise.all(
      Array.from({ length: AT_ONCE }, (_, index) => race(`hang-up-${round + index}`, true)),
    )
    expect(stories.filter(story => !isConsistent(story))).toEqual([])
  }
})
