// Jobs that name an account, at a real switch: its phones register with what they say of pushes, are woken by a front of the
// test's own, register again, and are rung at their contacts. The phones themselves are the suite's.

import { afterAll, afterEach, beforeAll, expect, test } from 'bun:test'
import { placeUuidOf } from '../../src/dial/call/identity.ts'
import { eventually, readMetrics } from '../harness/internal.ts'
import { startRedis, type TestRedis } from '../harness/redis.ts'
import { startService, type TestService } from '../harness/service.ts'
import { aspJob, type Job } from './call.ts'
import { expectHearing } from './hearing.ts'
import { type Line, type Lines, openLines } from './line.ts'
import { register } from './registrations.ts'
import { ESL_PASSWORD, ESL_URL, GATEWAY, REGISTRAR } from './settings.ts'
import { HERTZ, type Testbed } from './testbed.ts'

const GOOGLE = 'pn-provider=fcm;pn-param=example-project;pn-prid=c0ffee%3AAPA91bACCOUNT'
const HOST = REGISTRAR.split(':')[0]

export function accountTests(bed: () => Testbed): void {
  if (REGISTRAR === '') {
    test.skip('accounts are called: FREESWITCH_REGISTRAR is not set', () => undefined)
    return
  }
  /** Of its own: its jobs are not the suite's agent's. */
  let redis: TestRedis
  let service: TestService
  let lines: Lines
  /** What is registered and goes with its test. */
  let bindings: [user: string, at: string][] = []
  let users = 1_950
  beforeAll(async () => {
    redis = await startRedis()
    lines = openLines(redis.port)
    service = await startService({
      ROLE: 'all',
      PUBSUB_REDIS_URL: redis.url,
      ESL_URL,
      ESL_PASSWORD,
      GATEWAY,
      ACCOUNT_DIAL: `user@${HOST}`,
      APP_PUSH_ROUNDTRIP_WAIT: '20000',
      APP_PUSH_RESEND_INTERVAL: '60000',
    })
  })
  afterEach(async () => {
    await Promise.all(bindings.map(([user, at]) => register(user, GOOGLE, 0, at)))
    bindings = []
    await lines.closeAll()
  })
  afterAll(async () => {
    lines.close()
    await service.kill()
    await redis.close()
  })

  /** A phone of the account at this address, as the switch and the wake half know it. */
  async function bind(user: string, at: string): Promise<void> {
    await register(user, GOOGLE, 600, at)
    bindings.push([user, at])
  }

  const untilDevice = (user: string) =>
    eventually('the device', async () => {
      const response = await fetch(`${service.internalUrl}/api/devices/${user}`)
      return ((await response.json()) as { devices: unknown[] }).devices.length === 1
    })

  async function dial(job: Job): Promise<Line> {
    const line = await lines.open(job.dial_id)
    for (const side of ['0', '1'])
      for (const place of [0, 1, 2]) bed().usedChannels.add(placeUuidOf(job.dial_id, side, place))
    await redis.client.rpush('talkiq-asp.calls', JSON.stringify(job))
    return line
  }

  const calling = (caller: string, account: string): Job => {
    const { callee_number: _, ...job } = aspJob(caller, '')
    return { ...(job as Job), callee_account: account }
  }
  const isOver = (line: Line) =>
    eventually(
      'the call’s end',
      async () => (await redis.client.exists(`hookswitch:call:{${line.channel}}`)) === 0,
    )

  test('wakes the callee, who is rung at the fresh contact beside a stale one, and hears the caller', async () => {
    const user = String(++users)
    const caller = bed().phones.add({ hertz: HERTZ.A })
    const callee = bed().phones.add({ hertz: HERTZ.B })
    await bind(user, `sip:${user}@${HOST}:9;transport=tcp`)
    await untilDevice(user)
    const line = await dial(calling(caller.number, user))
    const A = await caller.rung()
    await service.pushed(line.channel)
    await expectHearing('B is woken', { A }, { A: ['ring'] })
    await bind(user, callee.uri)
    const B = await callee.rung()
    await expectHearing('a woken B has answered', { A, B }, { A: ['B'], B: ['A'] })
    expect(await line.order({ type: 'hangup' })).toMatchObject({ type: 'ack' })
    await isOver(line)
    expect(
      line.messages.map(({ type, side, state }) => [type, side, state].filter(Boolean).join(' ')),
    ).toEqual([
      'call-start',
      'answer-event 0',
      'wake-event 1 pushed',
      'wake-event 1 confirmed',
      'answer-event 1',
      'ack',
      expect.stringMatching(/^hangup-event/),
      expect.stringMatching(/^hangup-event/),
    ])
  })

  test('rings all phones of a caller at once, and the first to answer is the side', async () => {
    const user = String(++users)
    const slow = bed().phones.add({ plan: { kind: 'rings' } })
    const busy = bed().phones.add({ plan: { kind: 'refuses', status: 486 } })
    const quick = bed().phones.add({ hertz: HERTZ.A })
    const callee = bed().phones.add({ hertz: HERTZ.B })
    for (const phone of [slow, busy, quick]) await bind(user, phone.uri)
    await untilDevice(user)
    const { caller_number: _, ...job } = aspJob('', callee.number)
    const line = await dial({ ...(job as Job), caller_account: user })
    await service.pushed(line.channel)
    await register(user, GOOGLE, 600, quick.uri)
    const [lost, A, B] = [await slow.rung(), await quick.rung(), await callee.rung()]
    expect(await lost.ended).toBe('cancelled')
    await expectHearing('the first of three phones has answered', { A, B }, { A: ['B'], B: ['A'] })
    expect(await line.order({ type: 'hangup' })).toMatchObject({ type: 'ack' })
    await isOver(line)
    expect(line.messages.filter(({ type }) => type === 'hangup-event')).toHaveLength(2)
  })

  test.each([
    ['a second call in parallel', ':_:'],
    ['a gateway behind a comma', ','],
  ])('dials no contact that smuggles %s', async (_, splitter) => {
    const user = String(++users)
    const caller = bed().phones.add()
    const robbed = bed().phones.add()
    await bind(user, `sip:${user}@${HOST}:9;x=a${splitter}sofia/gateway/${GATEWAY}/${robbed.number}`)
    await untilDevice(user)
    const line = await dial(calling(caller.number, user))
    await service.pushed(line.channel)
    await register(user, GOOGLE, 600, bindings.at(-1)![1])
    await line.heard({ type: 'hangup-event', side: '0' })
    await isOver(line)
    expect(robbed.timesRung).toBe(0)
    await eventually('the contact to be counted', async () => {
      const counted = await readMetrics(service.internalUrl)
      return (counted.get('hookswitch_contacts_left_out_total{reason="unsafe"}') ?? 0) > 0
    })
  })

  test('ends the wake of a callee whose caller leaves', async () => {
    const user = String(++users)
    const caller = bed().phones.add()
    const callee = bed().phones.add()
    await bind(user, callee.uri)
    await untilDevice(user)
    const line = await dial(calling(caller.number, user))
    const A = await caller.rung()
    await service.pushed(line.channel)
    await A.hangUp()
    await line.heard({ type: 'hangup-event', side: '0' })
    await isOver(line)
    expect(callee.timesRung).toBe(0)
  })
}
