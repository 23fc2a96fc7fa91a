// A call's channel as server-sent events: what a follower reads from before the call until its end, and what happens to
// followers who leave, who do not read, who are too many, and when Redis or the service goes.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { connect } from 'node:net'
import { EVENTS_WAITING_MAX } from '../../../src/http/eventStream.ts'
import { aspJob, newDialId, openStage, type Stage, until } from '../../dial/stage.ts'
import { startService, type TestService } from '../../harness/service.ts'
import { apiAt, aspCall, type OwnApi, openOwnApi, untilApiReady } from './api.ts'
import { type EventReader, readEvents } from './eventReader.ts'

let stage: Stage
let service: TestService
let api: OwnApi
beforeAll(async () => {
  stage = await openStage()
  ;[service] = await Promise.all([startService({ PUBSUB_REDIS_URL: stage.redis.url }), stage.agent().isReady])
  await untilApiReady(service.internalUrl)
  api = await openOwnApi(stage.redis.url)
})
afterAll(async () => {
  await api.close()
  await service.kill()
  await stage.close()
})

const follow = (dialId: string, headers: Record<string, string> = {}, url = api.url) =>
  readEvents(`${url}/api/calls/${dialId}/events`, headers)
const typed = (type: string) => (event: { data?: { type?: string } }) => event.data?.type === type
const listenersOf = async (channel: string) => Number((await stage.redis.client.pubsub('NUMSUB', channel))[1])
const typesOf = ({ events }: EventReader) => events.map(each => each.event ?? each.data.type)

describe('who follows a call', () => {
  test('before it is made reads all of it, and the end', async () => {
    const dialId = newDialId()
    const reader = await follow(dialId, {}, service.internalUrl)
    expect(reader.status).toBe(200)
    expect(reader.headers.get('content-type')).toBe('text/event-stream')
    expect(reader.headers.get('cache-control')).toBe('no-store')
    expect((await reader.next(each => each.event === 'state')).data).toEqual({ call: null })

    await api.post('/api/calls', aspCall({ dial_id: dialId }))
    const answered = await reader.next(each => each.data?.type === 'answer-event' && each.data.side === '1')
    expect(answered).toEqual({ id: expect.any(String), data: { type: 'answer-event', side: '1' } })
    await api.post(`/api/calls/${dialId}/hangup`)
    expect((await reader.next(each => each.event === 'end')).data).toEqual({ kind: 'over' })
    await reader.ended
    // The channel's messages as they were published, the command of whoever hung up among them.
    expect(typesOf(reader)).toEqual([
      'state',
      'call-start',
      'answer-event',
      'answer-event',
      'hangup',
      'ack',
      'hangup-event',
      'hangup-event',
      'end',
    ])
    const ids = reader.events.map(each => Number(each.id))
    expect(ids).toEqual(ids.map((_, index) => index + 1))
  })

  test('that lives is told first how it stands', async () => {
    const dialId = newDialId()
    const channel = await stage.listen(dialId)
    await stage.push(aspJob(dialId))
    await channel.next(each => each.type === 'answer-event' && each.side === '1')
    const reader = await follow(dialId)
    const { call } = (await reader.next(each => each.event === 'state')).data
    expect(call).toMatchObject({ dial_id: dialId, kind: 'asp-call', is_owner_alive: true })
    expect(call.legs).toContainEqual({ side: '0', state: 'answered' })
    await channel.order({ type: 'hangup' })
    expect((await reader.next(each => each.event === 'end')).data).toEqual({ kind: 'over' })
    await reader.ended
  })

  test('that is not made reads why', async () => {
    const dialId = newDialId()
    const reader = await follow(dialId)
    await stage.push(aspJob(dialId, { queued_at: 1 }))
    const end = await reader.next(each => each.event === 'end')
    expect(end.data).toEqual({ kind: 'not-made', cause: 'expired' })
    await reader.ended
  })

  test('goes on when a second job of its dial id fails', async () => {
    const dialId = newDialId()
    const reader = await follow(dialId)
    await stage.push(aspJob(dialId))
    await reader.next(each => each.data?.side === '1')
    await stage.push(aspJob(dialId))
    expect((await reader.next(typed('failure'))).data.cause).toBe('duplicate dial_id')
    await api.post(`/api/calls/${dialId}/hangup`)
    expect((await reader.next(each => each.event === 'end')).data).toEqual({ kind: 'over' })
  })

  test('reads what others say, but no password', async () => {
    const dialId = newDialId()
    const reader = await follow(dialId)
    await reader.next(each => each.event === 'state')
    const barge = { type: 'barge', phone_number: '1', caller_id: '2', sip_auth_password: 'hunter2' }
    await stage.redis.client.publish(dialId, JSON.stringify(barge))
    await stage.redis.client.publish(dialId, 'no JSON')
    expect((await reader.next(typed('barge'))).data).toEqual({ ...barge, sip_auth_password: '[secret]' })
    expect((await reader.next(each => each.data === 'no JSON')).event).toBeUndefined()
    reader.leave()
  })
})

describe('a follower', () => {
  test('who leaves is not listened for any more, and the others go on', async () => {
    const dialId = newDialId()
    const [first, second] = await Promise.all([follow(dialId), follow(dialId)])
    await Promise.all([first, second].map(each => each.next(event => event.event === 'state')))
    expect(await listenersOf(dialId)).toBe(1)
    first.leave()
    await stage.redis.client.publish(dialId, JSON.stringify({ type: 'still', n: 1 }))
    await second.next(typed('still'))
    second.leave()
    await until('nobody listens', async () => (await listenersOf(dialId)) === 0)
  })

  test('who comes back after the end is told not to, by the status at which EventSource stops', async () => {
    const reader = await follow(newDialId(), { 'last-event-id': '7' })
    expect(reader.status).toBe(204)
    await reader.ended
  })

  test('who comes back during the call goes on with it', async () => {
    const dialId = newDialId()
    const channel = await stage.listen(dialId)
    await stage.push(aspJob(dialId))
    await channel.next('answer-event')
    const reader = await follow(dialId, { 'last-event-id': '7' })
    expect(reader.status).toBe(200)
    await channel.order({ type: 'hangup' })
    await reader.ended
  })

  test('of nothing hears a heartbeat, so that nobody takes the connection for dead', async () => {
    const quick = await openOwnApi(stage.redis.url, { heartbeatMs: 20 })
    const reader = await readEvents(`${quick.url}/api/calls/${newDialId()}/events`)
    await until('three were heard', () => reader.comments >= 3)
    reader.leave()
    await quick.close()
  })

  test('too many is told to come later; when one leaves there is room', async () => {
    const small = await openOwnApi(stage.redis.url, { callListenersMax: 2 })
    const path = `/api/calls/${newDialId()}/events`
    const readers = await Promise.all([1, 2].map(() => readEvents(`${small.url}${path}`)))
    const refused = await small.get(path)
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '5'])
    readers[0]!.leave()
    let third: EventReader | undefined
    await until('there is room', async () => {
      third = await readEvents(`${small.url}${path}`)
      return third.status === 200
    })
    third?.leave()
    readers[1]!.leave()
    await small.close()
  })

  test('who reads nothing is let go, instead of being remembered for', async () => {
    const dialId = newDialId()
    const { port } = new URL(api.url)
    const socket = connect(Number(port), '127.0.0.1')
    socket.write(`GET /api/calls/${dialId}/events HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`)
    await new Promise(resolve => socket.once('data', resolve))
    socket.pause()
    await until('it is listened for', async () => (await listenersOf(dialId)) === 1)
    const message = JSON.stringify({ type: 'flood', text: 'x'.repeat(7_000) })
    let said = 0
    // Beyond what the two sockets hold, and then as many as may wait.
    await until('it is let go', async () => {
      const lot = stage.redis.client.pipeline()
      for (let each = 0; each < 250; each++) lot.publish(dialId, message)
      await lot.exec()
      said += 250
      return (await listenersOf(dialId)) === 0
    })
    expect(said).toBeGreaterThan(EVENTS_WAITING_MAX)
    socket.destroy()
  })

  test('is told how the call stands after a gap, and that it has ended meanwhile', async () => {
    const dialId = newDialId()
    const record = { dialId, orgId: 'o', userId: 'u', fence: 1, steps: 1, owner: 'a', 'state.0': 'ringing' }
    const key = `hookswitch:call:{${dialId}}`
    await stage.redis.client.hset(key, record)
    const reader = await follow(dialId)
    await reader.next(each => each.event === 'state')
    const cut = async () => void (await stage.redis.client.call('CLIENT', 'KILL', 'TYPE', 'pubsub'))
    await stage.redis.client.hset(key, 'state.0', 'answered')
    await cut()
    const { data } = await reader.next(each => each.event === 'state')
    expect(data.call.legs).toEqual([{ side: '0', state: 'answered' }])
    await stage.redis.client.del(key)
    await cut()
    expect((await reader.next(each => each.event === 'end')).data).toEqual({ kind: 'over' })
    await reader.ended
  })
})

test('a service that stops ends its streams and is gone at once, with exit code 0', async () => {
  const stopping = await startService({ PUBSUB_REDIS_URL: stage.redis.url })
  await untilApiReady(stopping.internalUrl)
  const dialId = newDialId()
  const reader = await follow(dialId, {}, stopping.internalUrl)
  await reader.next(each => each.event === 'state')
  expect((await apiAt(stopping.internalUrl).get('/readyz')).status).toBe(200)
  expect(await stopping.stop()).toBe(0)
  await reader.ended
  await until('nobody listens', async () => (await listenersOf(dialId)) === 0)
  expect(typesOf(reader)).toEqual(['state'])
})
