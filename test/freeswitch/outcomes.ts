// Every way an asp-call can go at a real switch: who answers, who hangs up, who can't be reached. Each test compares
// all that was said on the call's channel, in order.
import { expect, test } from 'bun:test'
import { eventually } from '../harness/internal.ts'
import { aspJob, dial, type TestCall } from './call.ts'
import type { Phone } from './phones.ts'
import { DEAD_GATEWAY, DOWN_GATEWAY } from './settings.ts'
import { acked, answered, hungUp, notMade, started } from './story.ts'
import type { Testbed } from './testbed.ts'

/** What phones and providers answer, and FreeSWITCH's word for it. */
const REFUSALS: { what: string; status: number; cause: string; causeOfA?: string }[] = [
  { what: 'is busy', status: 486, cause: 'USER_BUSY' },
  { what: 'rejects the call', status: 603, cause: 'CALL_REJECTED' },
  { what: 'does not exist', status: 404, cause: 'UNALLOCATED_NUMBER' },
  { what: 'is unavailable', status: 503, cause: 'NORMAL_TEMPORARY_FAILURE' },
  // As if it had not answered, and like that not handed on to A (switch_channel_handle_cause).
  { what: 'is not there now', status: 480, cause: 'NO_USER_RESPONSE', causeOfA: 'NORMAL_CLEARING' },
]

/** Twice as many legs: FreeSWITCH refuses more than 30 a second unless it is told otherwise (sessions-per-second). */
const CALLS_AT_ONCE = 12

export function outcomeTests(bed: () => Testbed, gateways: ReadonlySet<string>): void {
  const dialAsp = (caller: Phone, callee: Phone, fields?: Record<string, unknown>): Promise<TestCall> =>
    dial(bed(), aspJob(caller.number, callee.number, fields))

  test('both answer, the caller hangs up', async () => {
    const { phones } = bed()
    const [caller, callee] = [phones.add(), phones.add({ plan: { kind: 'rings' } })]
    const call = await dialAsp(caller, callee)
    const a = await caller.rung()
    await call.answers('0')
    expect(await call.active()).toEqual(['ACTIVE.0'])
    const b = await callee.rung()
    await b.answer()
    await call.answers('1')
    expect(await call.active()).toEqual(['ACTIVE.1', 'ACTIVE.0'])
    await call.talks()
    a.hangUp()
    expect(await b.ended).toBe('hung-up')
    await call.endsWith([
      started(call.dialId),
      answered('0'),
      answered('1'),
      hungUp('0', 'NORMAL_CLEARING'),
      hungUp('1', 'NORMAL_CLEARING'),
    ])
  })

  test('both answer, the callee hangs up', async () => {
    const { phones } = bed()
    const [caller, callee] = [phones.add(), phones.add()]
    const call = await dialAsp(caller, callee)
    await call.talks()
    const b = await callee.rung()
    b.hangUp()
    await call.line.heard(hungUp('1', 'NORMAL_CLEARING'))
    expect(await call.active()).not.toContain('ACTIVE.1')
    expect(await (await caller.rung()).ended).toBe('hung-up')
    await call.endsWith([
      started(call.dialId),
      answered('0'),
      answered('1'),
      hungUp('1', 'NORMAL_CLEARING'),
      hungUp('0', 'NORMAL_CLEARING'),
    ])
  })

  test('the phones see the caller ids and the headers of their side', async () => {
    const { phones } = bed()
    const [caller, callee] = [phones.add(), phones.add()]
    const call = await dialAsp(caller, callee)
    const [a, b] = [await caller.rung(), await callee.rung()]
    const { dial_id, org_id, user_id } = call.job
    for (const [leg, side, callerId] of [
      [a, '0', '15550001111'],
      [b, '1', '15550002222'],
    ] as const) {
      expect(leg.callerId).toBe(callerId)
      expect(leg.header('Accuvit-Dial-ID')).toBe(dial_id)
      expect(leg.header('Accuvit-Dial-Side')).toBe(side)
      expect(leg.header('Accuvit-Organization-ID')).toBe(org_id)
      expect(leg.header('Accuvit-User-ID')).toBe(user_id)
      expect(leg.header('X-TalkIQ-Callprovider')).toBe('some-provider')
    }
    await call.talks()
    a.hangUp()
    await call.line.heard(hungUp('1', 'NORMAL_CLEARING'))
    expect([caller.timesRung, callee.timesRung]).toEqual([1, 1])
    await call.endsWith([
      started(call.dialId),
      answered('0'),
      answered('1'),
      hungUp('0', 'NORMAL_CLEARING'),
      hungUp('1', 'NORMAL_CLEARING'),
    ])
  })

  for (const { what, status, cause, causeOfA = cause } of REFUSALS) {
    test(`the caller's phone ${what} (${status}): the callee is never rung`, async () => {
      const { phones } = bed()
      const [caller, callee] = [phones.add({ plan: { kind: 'refuses', status } }), phones.add()]
      const call = await dialAsp(caller, callee)
      await call.endsWith([started(call.dialId), hungUp('0', cause)])
      expect([caller.timesRung, callee.timesRung]).toEqual([1, 0])
    })

    test(`the callee's phone ${what} (${status}): the caller's call ends with it`, async () => {
      const { phones } = bed()
      const [caller, callee] = [phones.add(), phones.add({ plan: { kind: 'refuses', status } })]
      const call = await dialAsp(caller, callee)
      await call.endsWith([started(call.dialId), answered('0'), hungUp('1', cause), hungUp('0', causeOfA)])
      expect([caller.timesRung, callee.timesRung]).toEqual([1, 1])
    })
  }

  test('the caller does not answer', async () => {
    const { phones } = bed()
    const [caller, callee] = [phones.add({ plan: { kind: 'rings' } }), phones.add()]
    const call = await dialAsp(caller, callee)
    expect(await (await caller.rung()).ended).toBe('cancelled')
    await call.endsWith([started(call.dialId), hungUp('0', 'NO_ANSWER')])
    expect(callee.timesRung).toBe(0)
  })

  test('the callee does not answer', async () => {
    const { phones } = bed()
    const [caller, callee] = [phones.add(), phones.add({ plan: { kind: 'rings' } })]
    const call = await dialAsp(caller, callee)
    expect(await (await callee.rung()).ended).toBe('cancelled')
    await call.endsWith([
      started(call.dialId),
      answered('0'),
      hungUp('1', 'NO_ANSWER'),
      hungUp('0', 'NORMAL_CLEARING'),
    ])
  })

  test('the caller hangs up while the callee is rung', async () => {
    const { phones } = bed()
    const [caller, callee] = [phones.add(), phones.add({ plan: { kind: 'rings' } })]
    const call = await dialAsp(caller, callee)
    const b = await callee.rung()
    const a = await caller.rung()
    await call.answers('0')
    a.hangUp()
    expect(await b.ended).toBe('cancelled')
    await call.endsWith([
      started(call.dialId),
      answered('0'),
      hungUp('0', 'NORMAL_CLEARING'),
      hungUp('1', 'ORIGINATOR_CANCEL'),
    ])
  })

  test('the callee plays an announcement before it answers: that is no answer yet', async () => {
    const { phones } = bed()
    const [caller, callee] = [phones.add(), phones.add({ plan: { kind: 'early-media' } })]
    const call = await dialAsp(caller, callee)
    const b = await callee.rung()
    await call.answers('0')
    expect(await call.active()).toEqual(['ACTIVE.0'])
    await b.answer()
    await call.talks()
    expect(await call.line.order({ type: 'hangup' })).toEqual(acked('hangup'))
    await call.endsWith([
      started(call.dialId),
      answered('0'),
      answered('1'),
      acked('hangup'),
      hungUp('0', 'NORMAL_CLEARING'),
      hungUp('1', 'NORMAL_CLEARING'),
    ])
  })

  test("the provider's gateway is unknown to the switch: failure alone", async () => {
    const { phones } = bed()
    const [caller, callee] = [phones.add(), phones.add()]
    const call = await dialAsp(caller, callee, { call_provider: 'no-gateway' })
    await call.endsWith([notMade('INVALID_GATEWAY')])
    expect(caller.timesRung).toBe(0)
  })

  test.skipIf(!gateways.has(DOWN_GATEWAY))('the gateway is known to be down: failure alone', async () => {
    await untilDown(bed())
    const { phones } = bed()
    const call = await dialAsp(phones.add(), phones.add(), { call_provider: 'down-gateway' })
    await call.endsWith([notMade('GATEWAY_DOWN')])
  })

  test('a paused switch refuses each call by itself, and the doctor’s question tells why', async () => {
    const { phones, probe } = bed()
    expect(await probe.ask('fsctl pause_check outbound')).toBe('false')
    await probe.ask('fsctl pause outbound')
    try {
      const call = await dialAsp(phones.add(), phones.add())
      await call.endsWith([notMade('DESTINATION_OUT_OF_ORDER')])
      expect(await probe.ask('fsctl pause_check outbound')).toBe('true')
    } finally {
      await probe.ask('fsctl resume outbound')
    }
  })

  test.skipIf(!gateways.has(DEAD_GATEWAY))('nobody listens at the gateway: the call ends', async () => {
    const { phones } = bed()
    const call = await dialAsp(phones.add(), phones.add(), { call_provider: 'dead-gateway' })
    await call.endsWith([started(call.dialId), hungUp('0', 'NORMAL_TEMPORARY_FAILURE')])
  })

  test('many calls at once keep their stories apart', async () => {
    const { phones } = bed()
    const calls = await Promise.all(
      Array.from({ length: CALLS_AT_ONCE }, async () => {
        const [caller, callee] = [phones.add(), phones.add()]
        return { call: await dialAsp(caller, callee), caller, callee }
      }),
    )
    await Promise.all(
      calls.map(async ({ call, caller, callee }, place) => {
        await call.talks()
        ;(await (place % 2 === 0 ? caller : callee).rung()).hangUp()
        await call.endsWith([
          started(call.dialId),
          answered('0'),
          answered('1'),
          hungUp('0', 'NORMAL_CLEARING'),
          hungUp('1', 'NORMAL_CLEARING'),
        ])
        expect([caller.timesRung, callee.timesRung]).toEqual([1, 1])
      }),
    )
  })

  test('a second job for a dial id that lives is refused, and no phone rings twice', async () => {
    const { phones } = bed()
    const [caller, callee] = [phones.add({ plan: { kind: 'rings' } }), phones.add()]
    const call = await dialAsp(caller, callee)
    const leg = await caller.rung()
    await call.line.heard(started(call.dialId))
    await bed().redis.client.rpush('talkiq-asp.calls', JSON.stringify({ ...call.job, org_id: 'another' }))
    await call.line.heard(notMade('duplicate dial_id'))
    leg.refuse(486)
    await call.endsWith([started(call.dialId), notMade('duplicate dial_id'), hungUp('0', 'USER_BUSY')])
    expect([caller.timesRung, callee.timesRung]).toEqual([1, 0])
  })

  test('a dial id that was used can be used again when its call is over', async () => {
    const { phones } = bed()
    const [caller, callee] = [phones.add({ plan: { kind: 'refuses', status: 486 } }), phones.add()]
    const job = aspJob(caller.number, callee.number)
    for (const _time of [1, 2]) {
      const call = await dial(bed(), job)
      await call.endsWith([started(call.dialId), hungUp('0', 'USER_BUSY')])
    }
    expect(caller.timesRung).toBe(2)
  })
}

/** The switch pings it every few seconds and so finds out. */
async function untilDown({ probe }: Testbed): Promise<void> {
  await eventually(`${DOWN_GATEWAY} down`, async () =>
    /Status\s+DOWN/.test(await probe.ask(`sofia status gateway ${DOWN_GATEWAY}`)),
  )
}
