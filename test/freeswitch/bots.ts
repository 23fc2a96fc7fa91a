// Bot calls and load tests at a real switch: one phone each, by number or SIP URI, with and without a login; parked,
// bridged by the switch's channel, parked again. What every leg may hear is tested elsewhere.
import { expect, test } from 'bun:test'
import { aspJob, botJob, dial, listen, newJob, type TestCall } from './call.ts'
import type { Line, Message } from './line.ts'
import type { PhoneOptions } from './phones.ts'
import { GATEWAY } from './settings.ts'
import { acked, answered, bridged, created, hungUp, notMade, refused, started, succeeded } from './story.ts'
import type { Testbed } from './testbed.ts'

const LOGIN = { username: 'bot-login', password: 'bot.Secret-1' }
const AUTH = { auth: true, sip_auth_username: LOGIN.username, sip_auth_password: LOGIN.password }
/** The gateway's own, by its configuration. */
const GATEWAY_LOGIN = { username: 'test', password: 'test' }

interface Reach {
  name: string
  by: 'number' | 'uri'
  challenge?: PhoneOptions['challenge']
  job?: Record<string, unknown>
}

const ANSWERED: Reach[] = [
  { name: 'a number', by: 'number' },
  { name: 'a SIP URI', by: 'uri' },
  {
    name: "a number that asks for a login, with the gateway's own",
    by: 'number',
    challenge: { status: 407, ...GATEWAY_LOGIN },
  },
  {
    name: "a number that asks for a login, with the job's",
    by: 'number',
    challenge: { status: 407, ...LOGIN },
    job: AUTH,
  },
  {
    name: "a SIP URI that asks for a login, with the job's",
    by: 'uri',
    challenge: { status: 401, ...LOGIN },
    job: AUTH,
  },
  {
    name: 'a SIP URI that asks for a login, with `auth` as the text that redswitch was sent',
    by: 'uri',
    challenge: { status: 407, ...LOGIN },
    job: { ...AUTH, auth: 'true' },
  },
]

const TURNED_AWAY: (Reach & { cause: string })[] = [
  {
    name: 'a SIP URI that asks for a login, without one',
    by: 'uri',
    challenge: { status: 401, ...LOGIN },
    cause: 'MANDATORY_IE_MISSING',
  },
  {
    name: 'a SIP URI that asks for a login, with a wrong one',
    by: 'uri',
    challenge: { status: 401, ...LOGIN },
    job: { ...AUTH, sip_auth_password: 'wrong' },
    cause: 'CALL_REJECTED',
  },
]

export function botTests(bed: () => Testbed): void {
  /** A phone, and a call to it that was answered and is parked. */
  async function park(options: PhoneOptions = {}) {
    const phone = bed().phones.add(options)
    const call = await dial(bed(), botJob(phone.number))
    const leg = await phone.rung()
    await call.answers('0')
    return { phone, call, leg }
  }

  const beginning = (call: TestCall) => [started(call.dialId), created(bed().probe.coreUuid), answered('0')]

  const core = (): Promise<Line> => bed().lines.open(bed().probe.coreUuid)

  for (const { name, by, challenge, job } of ANSWERED) {
    test(`reaches ${name}, and ends when the phone hangs up`, async () => {
      const { phones } = bed()
      const phone = phones.add(challenge ? { challenge } : {})
      const call = await dial(bed(), botJob(by === 'uri' ? phone.uri : phone.number, job))
      const leg = await phone.rung()
      expect(leg.callerId).toBe('15550003333')
      expect(leg.header('Accuvit-Dial-ID')).toBe(call.dialId)
      expect(leg.header('X-TalkIQ-Callprovider')).toBe('auto-bot')
      await call.answers('0')
      leg.hangUp()
      await call.endsWith([...beginning(call), hungUp('0', 'NORMAL_CLEARING')])
      expect(phone.timesRung).toBe(1)
    })
  }

  for (const { name, by, challenge, job, cause } of TURNED_AWAY) {
    test(`is turned away by ${name}`, async () => {
      const { phones, probe } = bed()
      const phone = phones.add(challenge ? { challenge } : {})
      const call = await dial(bed(), botJob(by === 'uri' ? phone.uri : phone.number, job))
      await call.endsWith([started(call.dialId), created(probe.coreUuid), hungUp('0', cause)])
      expect(phone.timesRung).toBe(0)
    })
  }

  for (const [what, kind] of [
    ['nobody answers', 'rings'],
    ['nobody answers, whatever is announced,', 'early-media'],
    ['finds no phone, and not even a refusal,', 'silent'],
  ] as const) {
    test(`that ${what} ends`, async () => {
      const { phones, probe } = bed()
      const call = await dial(bed(), botJob(phones.add({ plan: { kind } }).number))
      await call.endsWith([started(call.dialId), created(probe.coreUuid), hungUp('0', 'NO_ANSWER')])
    })
  }

  test('is ended by hangup, parked or still ringing', async () => {
    const { phones, probe } = bed()
    const parked = await park()
    expect(await parked.call.line.order({ type: 'hangup' })).toEqual(acked('hangup'))
    expect(await parked.leg.ended).toBe('hung-up')
    await parked.call.endsWith([...beginning(parked.call), acked('hangup'), hungUp('0', 'NORMAL_CLEARING')])

    const phone = phones.add({ plan: { kind: 'rings' } })
    const call = await dial(bed(), botJob(phone.number))
    const leg = await phone.rung()
    await call.line.heard(created(probe.coreUuid))
    expect(await call.line.order({ type: 'hangup' })).toEqual(acked('hangup'))
    expect(await leg.ended).toBe('cancelled')
    await call.endsWith([
      started(call.dialId),
      created(probe.coreUuid),
      acked('hangup'),
      hungUp('0', 'NORMAL_CLEARING'),
    ])
  })

  test('two are bridged; the one left over parks again and is bridged to a third', async () => {
    const { coreUuid } = bed().probe
    const channel = await core()
    const first = await park()
    const second = await park()
    const third = await park()

    const order = { type: 'bridge', dial_id1: first.call.dialId, dial_id2: second.call.dialId }
    expect(await channel.order(order)).toEqual(acked('bridge'))
    const former = bridged(coreUuid, first.call, second.call)
    await first.call.line.heard(former)
    await channel.heard(succeeded('bridge-event'))
    first.leg.hangUp()
    await first.call.endsWith([...beginning(first.call), former, hungUp('0', 'NORMAL_CLEARING')])
    // Parked again: the switch has it, its phone was not hung up, and it can be bridged once more.
    expect(await bed().probe.ask(`uuid_exists ${second.call.a}`)).toBe('true')
    expect(second.leg.isLive).toBe(true)
    const again = { type: 'bridge', dial_id_1: second.call.dialId, dial_id_2: third.call.dialId }
    expect(await channel.order(again)).toEqual(acked('bridge'))
    const later = bridged(coreUuid, second.call, third.call)
    await second.call.line.heard(later)
    await second.call.line.order({ type: 'hangup' })
    await second.call.endsWith([
      ...beginning(second.call),
      former,
      later,
      acked('hangup'),
      hungUp('0', 'NORMAL_CLEARING'),
    ])
    expect(third.leg.isLive).toBe(true)
    third.leg.hangUp()
    await third.call.endsWith([...beginning(third.call), later, hungUp('0', 'NORMAL_CLEARING')])

    // The bridge is told by the call's owner, its success by whoever serves the channel: in either order, both after
    // the answer.
    const told = (bridge: Message) => expect.arrayContaining([bridge, succeeded('bridge-event')])
    expect(channel.messages).toHaveLength(9)
    expect(channel.messages.slice(0, 4)).toEqual([...[1, 2, 3].map(() => created(coreUuid)), acked('bridge')])
    expect(channel.messages.slice(4, 6)).toEqual(told(former))
    expect(channel.messages[6]).toEqual(acked('bridge'))
    expect(channel.messages.slice(7)).toEqual(told(later))
  })

  test("bridge is refused in plain words for what can't be bridged", async () => {
    const { phones } = bed()
    const channel = await core()
    const { call, leg } = await park()
    const ringing = await dial(bed(), botJob(phones.add({ plan: { kind: 'rings' } }).number))
    await ringing.line.heard(started(ringing.dialId))
    const bridge = (dial_id1: unknown, dial_id2: unknown) =>
      channel.order({ type: 'bridge', dial_id1, dial_id2 })
    for (const [ids, cause] of [
      [[call.dialId, undefined], 'dial_id1 and dial_id2 are required'],
      [[call.dialId, 'nobody'], 'no such call: nobody'],
      [[call.dialId, call.dialId], 'a call is not bridged to itself'],
      [[call.dialId, ringing.dialId], `the call ${ringing.dialId} is not answered`],
    ] as const)
      expect(await bridge(...(ids as [unknown, unknown]))).toEqual(refused('bridge', cause))
    expect(await channel.order({ type: 'hangup' })).toEqual(
      refused('hangup', 'only bridge and bot-call belong on this channel'),
    )
    await channel.say('{"type":"bridge"')
    await channel.heard(refused('', 'the message is not valid JSON'))

    const [caller, callee] = [phones.add(), phones.add()]
    const talking = await dial(bed(), aspJob(caller.number, callee.number))
    await talking.talks()
    expect(await bridge(call.dialId, talking.dialId)).toEqual(
      refused('bridge', `the call ${talking.dialId} is not a parked one`),
    )
    expect((await callee.rung()).isLive).toBe(true)

    await talking.line.order({ type: 'hangup' })
    await ringing.line.order({ type: 'hangup' })
    leg.hangUp()
    await call.endsWith([...beginning(call), hungUp('0', 'NORMAL_CLEARING')])
  })

  test("is made on the switch's channel too, at that very switch", async () => {
    const { phones, probe } = bed()
    const channel = await core()
    const phone = phones.add()
    const job = botJob(phone.number)
    const call = await listen(bed(), job)
    expect(await channel.order({ ...job, command_id: 7 })).toEqual(acked('bot-call', { command_id: 7 }))
    await call.answers('0')
    const again = await channel.order({ ...job, command_id: 8 })
    expect(again).toEqual({ ...refused('bot-call', 'duplicate dial_id'), command_id: 8 })
    expect(await channel.order({ type: 'bot-call', dial_id: 'x', org_id: 'y' })).toEqual(
      refused('bot-call', 'user_id is missing'),
    )
    ;(await phone.rung()).hangUp()
    await call.endsWith([
      started(call.dialId),
      created(probe.coreUuid),
      answered('0'),
      notMade('duplicate dial_id'),
      hungUp('0', 'NORMAL_CLEARING'),
    ])
  })

  test('as a load test has its own side and headers', async () => {
    const { phones, probe } = bed()
    const phone = phones.add()
    const job = newJob('load-test', {
      phone_number: phone.number,
      leg: '7',
      gateway: GATEWAY,
      dialpad_crm: 'crm 1',
      parent_callid: 'parent-1',
      callee_name: 'Ann Example',
      target_key: 'key-1',
      topic: 'load',
    })
    const call = await dial(bed(), job)
    const leg = await phone.rung()
    expect(leg.callerId).toBe('7')
    expect(leg.header('X-Dialpad-CRM')).toBe('crm 1')
    expect(leg.header('X-Dialpad-CalleeName')).toBe('Ann Example')
    expect(leg.header('X-Dialpad-OrganizationId')).toBe(job.org_id)
    await call.answers('7')
    leg.hangUp()
    await call.endsWith([
      started(call.dialId),
      created(probe.coreUuid),
      answered('7'),
      hungUp('7', 'NORMAL_CLEARING'),
    ])
  })
}
