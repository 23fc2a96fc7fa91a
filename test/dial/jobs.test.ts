// What becomes of jobs: each ends as a call, as a failure on its channel, on the dead-letter list, or back where it
// came from. Nothing is dropped in silence.
import { afterAll, beforeAll, describe, expect, spyOn, test } from 'bun:test'
import { SwitchLink } from '../../src/esl/link.ts'
import { aspJob, botJob, leftovers, newDialId, openStage, type Stage, until } from './stage.ts'

let stage: Stage
beforeAll(async () => {
  stage = await openStage()
  await stage.agent({ jobAgeMaxMs: 2_000, isLoadTestAllowed: false }).isReady
})
afterAll(() => stage.close())

const LIST = 'talkiq-asp.calls'
const ringsOf = (dialId: string) =>
  stage.switch.records(0, ['ring']).filter(each => each.kind === 'ring' && each.dialId === dialId)

async function newestDeadLetter(list = LIST): Promise<{ reason: string; job: string; at: string }> {
  await until('a dead letter', async () => (await stage.redis.client.llen(`${list}:dead`)) > 0)
  const letter = JSON.parse((await stage.redis.client.lpop(`${list}:dead`))!)
  return letter
}

describe('a bad job', () => {
  test.each([
    ['caller_number', undefined, 'caller_number is missing'],
    ['caller_number', '1+2', 'caller_number must be a number to dial'],
    ['callee_number', '', 'callee_number must be a number to dial'],
    ['callee_number', ['1'], 'callee_number must be a number to dial'],
    ['caller_id_lega', 'a,b', 'caller_id_lega must be'],
    ['caller_id_legb', '{x}', 'caller_id_legb must be'],
    ['call_provider', "o'brian", 'call_provider must be'],
    ['org_id', '', 'org_id must be'],
    ['user_id', 'x'.repeat(129), 'user_id must be'],
    ['queued_at', 'yesterday', 'queued_at must be'],
    ['queued_at', Date.now(), 'queued_at must be seconds since the epoch, not milliseconds'],
    ['queued_at', Math.round(Date.now() / 1_000) + 600, 'queued_at is more than a minute ahead'],
    ['queued_at', 1e300, 'queued_at must be'],
    ['type', 'dance-call', 'type must be'],
  ])('fails on its channel and is kept with its reason: %s = %p', async (field, value, cause) => {
    const dialId = newDialId()
    const channel = await stage.listen(dialId)
    const job = aspJob(dialId, { [field]: value })
    await stage.push(job, LIST)
    const answer = await channel.next('failure')
    expect(answer.cause).toStartWith(cause)
    const letter = await newestDeadLetter()
    expect(letter.reason).toBe(answer.cause!)
    expect(JSON.parse(letter.job)).toEqual(JSON.parse(JSON.stringify(job)))
    expect(ringsOf(dialId)).toEqual([])
    await until('nothing is left', async () => (await leftovers(stage)).length === 0)
  })

  test.each([
    ['not json'],
    ['[1]'],
    ['{}'],
    ['{"dial_id":"hookswitch:x","type":"asp-call"}'],
    ['null'],
    ['x'.repeat(100_000)],
  ])('without a usable dial id is kept with its reason', async text => {
    await stage.redis.client.rpush(LIST, text)
    expect((await newestDeadLetter()).job).toBe(text)
  })

  test.each([
    [
      'a time that throws when it is read',
      (job: string) => job.replace('{', '{"queued_at":{"toString":1},'),
      'queued_at must be',
    ],
    [
      'a trace that throws when it is read',
      (job: string) => job.replace('{', '{"traceparent":{"toString":1},'),
      undefined,
    ],
    ['a byte that is no UTF-8', (job: string) => job.replace('{', '{"note":"caf\u00e9",'), undefined],
    ['a byte-order mark', (job: string) => `\u00ef\u00bb\u00bf${job}`, undefined],
    [
      'more characters than any job has',
      (job: string) => job.replace('{', `{"note":"${'x'.repeat(70_000)}",`),
      'the job is longer',
    ],
  ])('with %s is dialled or told to fail, and leaves the in-flight list', async (_, change, cause) => {
    const dialId = newDialId()
    const channel = await stage.listen(dialId)
    const bytes = Buffer.from(change(JSON.stringify(aspJob(dialId, {}))), 'latin1')
    await stage.redis.client.rpush(LIST, bytes)
    if (cause === undefined) {
      await channel.next('call-start')
    } else {
      expect((await channel.next('failure')).cause).toStartWith(cause)
      expect((await newestDeadLetter()).reason).toStartWith(cause)
    }
    await until('nothing is left', async () => {
      for (const { uuid } of stage.switch.channels()) stage.switch.hangup(uuid)
      return (await leftovers(stage)).length === 0
    })
  })

  test('of a load test is refused without RED_MODE', async () => {
    const dialId = newDialId()
    const channel = await stage.listen(dialId)
    const fields = {
      leg: '1',
      gateway: 'g',
      dialpad_crm: 'c',
      parent_callid: 'p',
      callee_name: 'n',
      target_key: 'k',
      topic: 't',
    }
    await stage.push(botJob(dialId, { type: 'load-test', ...fields }))
    expect((await channel.next('failure')).cause).toBe('load tests need RED_MODE=load-test')
    await newestDeadLetter('talkiq-load.calls')
  })

  test.each([
    [true, 'sip_auth_username must be'],
    ['True', 'sip_auth_username must be'],
    ['yes', 'sip_auth_username must be'],
    [1, 'sip_auth_username must be'],
    [{ toString: 1 }, 'auth must be true or false'],
    [['true'], 'auth must be true or false'],
  ])('that asks for a login without one fails: %p', async (auth, cause) => {
    const dialId = newDialId()
    const channel = await stage.listen(dialId)
    await stage.push(botJob(dialId, { phone_number: 'a@b.example', auth }))
    expect((await channel.next('failure')).cause).toStartWith(cause)
    await newestDeadLetter('talkiq-bot.calls')
  })
})

test.each([[false], ['False'], [0], ['0'], [''], [null], [undefined]])(
  'auth: %p asks for no login',
  async auth => {
    const dialId = newDialId()
    const channel = await stage.listen(dialId)
    await stage.push(botJob(dialId, { phone_number: '15550000486', auth }))
    await channel.next('hangup-event')
    const sent = stage.switch
      .records(0, ['originate'])
      .filter(each => each.kind === 'originate' && JSON.stringify(each).includes(dialId))
    expect(sent).toHaveLength(1)
    expect(JSON.stringify(sent)).not.toContain('sip_auth')
  },
)

test('the list of active sides is named as the settings say', async () => {
  const other = await openStage()
  await other.agent({ activeKey: 'org.user.dial' }).isReady
  const dialId = newDialId()
  const channel = await other.listen(dialId)
  await other.push(aspJob(dialId))
  await channel.next(each => each.type === 'answer-event' && each.side === '1')
  expect(await other.redis.client.keys('redswitch.*')).toEqual([`redswitch.org.user.${dialId}`])
  expect((await other.redis.client.lrange(`redswitch.org.user.${dialId}`, 0, -1)).sort()).toEqual([
    'ACTIVE.0',
    'ACTIVE.1',
  ])
  expect(await channel.order({ type: 'stop_playback' })).toEqual({ type: 'ack', event: 'stop_playback' })
  await channel.order({ type: 'hangup' })
  await until('nothing is left', async () => (await leftovers(other)).length === 0)
  await other.close()
})

test('a second job for a living dial id is answered so, and its phone does not ring', async () => {
  const dialId = newDialId()
  const channel = await stage.listen(dialId)
  await stage.push(aspJob(dialId))
  await channel.next(each => each.type === 'answer-event' && each.side === '1')
  await stage.push(aspJob(dialId, { caller_number: '15550000777' }))
  expect(await channel.next('failure')).toEqual({ type: 'failure', cause: 'duplicate dial_id' })
  expect(ringsOf(dialId)).toHaveLength(2)
  await channel.order({ type: 'hangup' })
  await channel.next('hangup-event')
  await channel.next('hangup-event')
})

test('a dial id may be used again once its call is over', async () => {
  const dialId = newDialId()
  const channel = await stage.listen(dialId)
  for (const _ of [1, 2]) {
    await stage.push(aspJob(dialId, { caller_number: '15550000486' }))
    await channel.next('hangup-event')
    await until('the dial id is free', async () => (await leftovers(stage)).length === 0)
  }
  expect(channel.heard.map(each => each.type)).toEqual([
    'call-start',
    'hangup-event',
    'call-start',
    'hangup-event',
  ])
})

test('a job that waited too long is answered expired, one that did not say is dialled', async () => {
  const late = newDialId()
  const channel = await stage.listen(late)
  await stage.push(aspJob(late, { queued_at: Date.now() / 1_000 - 3 }))
  expect(await channel.next('failure')).toEqual({ type: 'failure', cause: 'expired' })
  expect(ringsOf(late)).toEqual([])
  const fresh = newDialId()
  const other = await stage.listen(fresh)
  await stage.push(aspJob(fresh, { queued_at: Date.now() / 1_000 - 1, caller_number: '15550000486' }))
  await other.next('call-start')
})

test('no job is taken while the switch is away; it is dialled when the switch is back', async () => {
  const dialId = newDialId()
  const channel = await stage.listen(dialId)
  await stage.switch.stop()
  await stage.push(aspJob(dialId, { caller_number: '15550000486' }))
  await Bun.sleep(200)
  expect(channel.heard).toEqual([])
  stage.switch.start()
  await channel.next('hangup-event')
  expect(ringsOf(dialId)).toHaveLength(1)
})

test('an agent at its most calls leaves jobs to others, and takes one when a call ends', async () => {
  await using scene = await openSmallStage()
  const { stage: small, channels } = scene
  await until(
    'both calls are up',
    () => small.switch.channels().filter(each => each.state === 'answered').length === 4,
  )
  await Bun.sleep(100)
  expect(await small.redis.client.llen(LIST)).toBe(1)
  await channels[0]!.order({ type: 'hangup' })
  await channels[2]!.next('answer-event')
})

/** One agent for two calls at most, and three jobs. */
async function openSmallStage() {
  const small = await openStage()
  await small.agent({ callsMax: 2 }).isReady
  const ids = [newDialId(), newDialId(), newDialId()]
  const channels = await Promise.all(ids.map(id => small.listen(id)))
  for (const id of ids) await small.push(aspJob(id))
  return { stage: small, channels, [Symbol.asyncDispose]: () => small.close() }
}

describe('sessions begin evenly, for all agents of a switch together', () => {
  /** Milliseconds from the first originate to the last, by the switch. */
  const spanOf = async ({ switch: aSwitch }: Stage, count: number): Promise<number> => {
    await until('all were dialled', () => aSwitch.records(0, ['originate']).length === count, 15_000)
    const at = aSwitch.records(0, ['originate']).map(each => each.at)
    return at.at(-1)! - at[0]!
  }

  test.each([
    ['bot-calls, one each', 1_000, 10, botJob, 'phone_number', 21],
    ['asp-calls, two each', 1_000, 20, aspJob, 'caller_number', 21],
    ['what the switch says, where it is less', 10, 1_000, botJob, 'phone_number', 21],
  ])('%s', async (_, sessionsPerSecondMax, callsPerSecond, jobOf, number, count) => {
    const slow = await openStage({ switch: { sessionsPerSecondMax } })
    const agents = [slow.agent({ callsPerSecond }), slow.agent({ callsPerSecond })]
    await Promise.all(agents.map(each => each.isReady))
    for (let index = 0; index < count; index += 1)
      await slow.push(jobOf(newDialId(), { [number]: '15550000486' }))
    // A tenth of a second each; late wake-ups only make it longer.
    expect(await spanOf(slow, count)).toBeGreaterThan(1_900)
    await slow.close()
  })

  test('and jobs that are not dialled cost no turn', async () => {
    const slow = await openStage()
    await slow.agent({ callsPerSecond: 1 }).isReady
    for (let index = 0; index < 60; index += 1)
      await slow.redis.client.rpush(
        LIST,
        index % 2 ? 'malformed' : JSON.stringify(aspJob(newDialId(), { queued_at: 1 })),
      )
    const dialId = newDialId()
    const channel = await slow.listen(dialId)
    await slow.push(aspJob(dialId, { caller_number: '15550000486' }))
    await channel.next('hangup-event')
    await slow.close()
  })
})

test('a job in whose way something throws is lost alone: told, kept and counted', async () => {
  const broken = await openStage()
  // No gateway has such a name, and the settings let none through: it throws where the originate is made.
  const agent = broken.agent({ gateways: { broken: 'no gateway' } })
  await agent.isReady
  const [lost, good] = [newDialId(), newDialId()]
  const [channel, other] = [await broken.listen(lost), await broken.listen(good)]
  await broken.push(aspJob(lost, { call_provider: 'broken' }))
  await broken.push(aspJob(good, { caller_number: '15550000486' }))
  await other.next('hangup-event')
  expect(await channel.next('failure')).toEqual({ type: 'failure', cause: 'an error of hookswitch itself' })
  await until('a dead letter', async () => (await broken.redis.client.llen(`${LIST}:dead`)) === 1)
  await broken.redis.client.del(`${LIST}:dead`)
  await until('nothing is left', async () => (await leftovers(broken)).length === 0)
  expect(agent.counts.get('bugs job')).toBe(1)
  await broken.close()
})

test('a job whose originate could not be sent goes back to its list, and is dialled once', async () => {
  const full = await openStage()
  await full.agent().isReady
  const dialId = newDialId()
  const channel = await full.listen(dialId)
  // As when a thousand commands wait for a switch that is slow.
  const busy = Promise.resolve({ kind: 'busy' as const })
  using sending = spyOn(SwitchLink.prototype, 'bgapi')
  for (const _ of [1, 2, 3]) sending.mockImplementationOnce(() => ({ accepted: busy, result: busy }))
  await full.push(aspJob(dialId, { caller_number: '15550000486' }))
  await channel.next('hangup-event')
  await until('nothing is left', async () => (await leftovers(full)).length === 0)
  expect(sending).toHaveBeenCalledTimes(4)
  expect(full.switch.records(0, ['originate'])).toHaveLength(1)
  expect(channel.heard.map(each => each.type)).toEqual(['call-start', 'hangup-event'])
  await full.close()
})
