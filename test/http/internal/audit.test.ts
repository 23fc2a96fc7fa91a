// Whoever makes a call or gives it a command by the internal API is written down: in the log before the order is
// given, and in the timeline of each call that it concerned.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { openStage, SOUND, type Stage, until } from '../../dial/stage.ts'
import { startService, type TestService } from '../../harness/service.ts'
import { type Answer, type Api, apiAt, aspCall, untilApiReady } from './api.ts'

const ADMIN_TOKEN = 'the-token-of-the-operators'
const ANNS_TOKEN = 'the-token-of-ann-alone'
const PROXIED = { 'x-forwarded-for': '203.0.113.9' }

let stage: Stage
let onLoopback: TestService
let guarded: TestService
let open: Api
let api: Api
beforeAll(async () => {
  stage = await openStage()
  ;[onLoopback, guarded] = await Promise.all([
    startService({ PUBSUB_REDIS_URL: stage.redis.url }),
    startService({
      PUBSUB_REDIS_URL: stage.redis.url,
      ADMIN_TOKEN,
      ADMIN_TOKENS: `ann:${ANNS_TOKEN}`,
      TRUST_PROXY: '127.0.0.1',
    }),
    stage.agent().isReady,
  ])
  await untilApiReady(onLoopback.internalUrl)
  open = apiAt(onLoopback.internalUrl)
  api = apiAt(guarded.internalUrl)
  await until('the guarded one is ready', async () => (await api.get('/api/calls', OPERATOR)).status === 200)
})
afterAll(async () => {
  await Promise.all([onLoopback.kill(), guarded.kill()])
  await stage.close()
})

const OPERATOR = { authorization: `Bearer ${ADMIN_TOKEN}` }
const ANN = { authorization: `Bearer ${ANNS_TOKEN}` }

let made = 0

/** A call whose two sides talk. */
async function talk(by: Api, headers: Record<string, string>): Promise<string> {
  const digits = `1558${String(++made).padStart(4, '0')}`
  const phones = { caller_number: `${digits}001`, callee_number: `${digits}002` }
  const { dial_id: dialId } = (await by.post('/api/calls', aspCall(phones), headers)).body
  await until('the record says so', async () => {
    const { body: call } = await by.get(`/api/calls/${dialId}`, headers)
    return call.legs?.length === 2 && call.legs.every((leg: { state: string }) => leg.state === 'answered')
  })
  return dialId
}

async function parked(): Promise<string> {
  const phone_number = `1559${String(++made).padStart(4, '0')}001`
  const body = {
    kind: 'bot-call',
    org_id: 'o',
    user_id: 'u',
    call_provider: 'acme',
    phone_number,
    caller_id: '15550000009',
  }
  const { dial_id: dialId } = (await api.post('/api/calls', body, OPERATOR)).body
  await until('it is parked', () =>
    stage.switch.channels().some(each => each.destination === phone_number && each.isParked),
  )
  return dialId
}

const ordersIn = (service: TestService) =>
  service.log
    .filter(each => each.msg === 'ordered by the internal API')
    .map(({ event, dialId, client, tokenName, commandId, coreUuid }) => ({
      event,
      dialId,
      client,
      tokenName,
      commandId,
      coreUuid,
    }))

/** Entries are written a moment after they happened. */
async function entriesOf(dialId: string, count: number): Promise<Record<string, unknown>[]> {
  let entries: Record<string, unknown>[] = []
  await until(`${count} orders in the timeline`, async () => {
    const { body } = await open.get(`/api/timeline/${dialId}`)
    entries = (body.entries ?? []).filter((each: { what: string }) => each.what === 'ordered')
    return entries.length >= count
  })
  return entries
}

test('a call that is made', async () => {
  const dialId = await talk(open, {})
  await onLoopback.logged(each => each.dialId === dialId)
  expect(ordersIn(onLoopback)).toContainEqual({ event: 'asp-call', dialId, client: '127.0.0.1' } as never)
  expect(await entriesOf(dialId, 1)).toEqual([
    expect.objectContaining({
      event: 'asp-call',
      client: '127.0.0.1',
      text: 'The internal API is asked for asp-call, from 127.0.0.1.',
    }),
  ])
  await open.post(`/api/calls/${dialId}/hangup`)
})

describe('a command', () => {
  const commands: [string, Record<string, unknown> | undefined][] = [
    ['barge', { phone_number: '15557654321', caller_id: '15550000009' }],
    ['whisper', {}],
    ['mute', {}],
    ['threeway', {}],
    ['unthreeway', {}],
    ['play', { path: SOUND }],
    ['play-now', { path: SOUND }],
    ['stop-playback', undefined],
    ['start-background', { path: SOUND }],
    ['stop-background', { path: SOUND }],
    ['hangup', undefined],
  ]

  test('of each kind, with the address and the token’s name, whether it was obeyed or not', async () => {
    const dialId = await talk(api, ANN)
    const answers: Answer[] = []
    for (const [command, body] of commands)
      answers.push(await api.post(`/api/calls/${dialId}/${command}`, body, { ...ANN, ...PROXIED }))
    const expected = commands.map(([event]) => ({ event, dialId, client: '203.0.113.9', tokenName: 'ann' }))
    await guarded.logged(each => each.dialId === dialId && each.event === 'hangup')
    const logged = ordersIn(guarded).filter(each => each.dialId === dialId)
    expect(logged).toMatchObject([
      { event: 'asp-call', tokenName: 'ann', client: '127.0.0.1' },
      ...expected,
    ] as never)
    const entries = await entriesOf(dialId, commands.length + 1)
    expect(entries.map(each => each.event).toSorted()).toEqual(
      ['asp-call', ...commands.map(([each]) => each)].toSorted(),
    )
    const hangup = entries.find(each => each.event === 'hangup')!
    expect(hangup).toMatchObject({
      client: '203.0.113.9',
      token_name: 'ann',
      command_id: answers.at(-1)!.body.command_id,
    })
    expect(hangup.text).toBe('The internal API is asked for hangup, from 203.0.113.9 with the token ann.')
    expect(new Set(logged.map(each => each.commandId)).size).toBe(commands.length + 1)
  })

  test('on a switch’s channel, in the timelines of all calls that it is about', async () => {
    const [first, second] = [await parked(), await parked()]
    const { core_uuid: coreUuid } = (await api.get(`/api/calls/${first}`, OPERATOR)).body
    const bridged = await api.post(`/api/calls/${first}/bridge`, { dial_id2: second }, OPERATOR)
    expect(bridged.status).toBe(200)
    for (const dialId of [first, second])
      expect(await entriesOf(dialId, 2)).toContainEqual(
        expect.objectContaining({ event: 'bridge', token_name: 'ADMIN_TOKEN', client: '127.0.0.1' }),
      )
    const body = {
      phone_number: '15557650001',
      caller_id: '15550000009',
      org_id: 'o',
      user_id: 'u',
      call_provider: 'acme',
    }
    const bot = await api.post(`/api/switches/${coreUuid}/bot-call`, body, ANN)
    expect(bot.status).toBe(200)
    expect(await entriesOf(bot.body.dial_id, 1)).toEqual([
      expect.objectContaining({ event: 'bot-call', token_name: 'ann' }),
    ])
    await guarded.logged(each => each.event === 'bridge')
    expect(ordersIn(guarded)).toContainEqual(
      expect.objectContaining({
        event: 'bridge',
        dialId: `${first} ${second}`,
        coreUuid,
        tokenName: 'ADMIN_TOKEN',
      }),
    )
    for (const dialId of [first, second, bot.body.dial_id])
      await api.post(`/api/calls/${dialId}/hangup`, undefined, ANN)
  })

  test('for a call that there is not, in the log alone', async () => {
    expect((await api.post('/api/calls/no-such-call/hangup', undefined, ANN)).status).toBe(404)
    const line = await guarded.logged(each => each.dialId === 'no-such-call')
    expect(line).toMatchObject({ event: 'hangup', client: '127.0.0.1', tokenName: 'ann' })
    expect((await open.get('/api/timeline/no-such-call')).status).toBe(404)
  })

  test('that is refused by the guard is none', async () => {
    const before = ordersIn(guarded).length
    expect((await api.post('/api/calls/x/hangup')).status).toBe(401)
    expect((await api.post('/api/calls', aspCall(), { authorization: 'Bearer wrong' })).status).toBe(401)
    expect(ordersIn(guarded)).toHaveLength(before)
  })
})
