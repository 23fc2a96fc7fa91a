// The whole wake on a Redis Cluster of three nodes: records, devices and channels lie on different nodes, and the
// services don't notice.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import {
  acked,
  answer,
  askPbx,
  endCall,
  naked,
  postForm,
  proceeds,
  refuses,
  registerPhone,
} from '../harness/client.ts'
import { eventually, untilReady } from '../harness/internal.ts'
import { holdCall } from '../harness/pbx.ts'
import { freePort, startRedis, type TestRedis } from '../harness/redis.ts'
import { startService, type TestService } from '../harness/service.ts'
import { watchStalls } from '../harness/stalls.ts'

const SLOTS = 16_384

let nodes: TestRedis[]
let first: TestService
let second: TestService

beforeAll(async () => {
  nodes = await startCluster(3)
  const start = () =>
    startService({
      PUBSUB_REDIS_URL: nodes
        .map(each => each.url.replace('redis://', ''))
        .join(',')
        .replace(/^/, 'redis://'),
      APP_PUSH_ROUNDTRIP_WAIT: '10000',
      APP_PUSH_RESEND_INTERVAL: '60000',
      RATE_LIMIT: '40',
    })
  ;[first, second] = await Promise.all([start(), start()])
})
afterAll(async () => {
  await Promise.all([first?.kill(), second?.kill()])
  await Promise.all(nodes.map(each => each.close()))
})

/** Starts nodes, gives each its share of the slots, and waits until they know each other. */
async function startCluster(count: number): Promise<TestRedis[]> {
  const started = await Promise.all(
    Array.from({ length: count }, async () => {
      const busPort = String(await freePort())
      const node = await startRedis(['--cluster-enabled', 'yes', '--cluster-port', busPort])
      return { node, busPort }
    }),
  )
  for (const [index, { node }] of started.entries()) {
    const [from, to] = [index, index + 1].map(each => Math.floor((each * SLOTS) / count))
    await node.client.call('CLUSTER', 'ADDSLOTSRANGE', String(from), String(to! - 1))
    for (const other of started)
      await node.client.call('CLUSTER', 'MEET', '127.0.0.1', String(other.node.port), other.busPort)
  }
  const isWhole = async ({ node }: { node: TestRedis }) => {
    const info = String(await node.client.call('CLUSTER', 'INFO'))
    return info.includes('cluster_state:ok') && info.includes(`cluster_known_nodes:${count}`)
  }
  await eventually('the cluster', async () => (await Promise.all(started.map(isWhole))).every(Boolean))
  return started.map(each => each.node)
}

const ids = Array.from({ length: 12 }, (_, index) => `slot-${index}`)

describe('on a Cluster', () => {
  test('a phone registered at one process is woken by the other and answers at the first', async () => {
    for (const id of ids) {
      expect(await registerPhone(first.publicUrl, { sip_user_id: id })).toBe(201)
      const held = askPbx(second.publicUrl, { sip_user_id: id, call_id: `call-${id}` })
      expect(await answer(await second.pushed(`call-${id}`), { baseUrl: first.publicUrl })).toEqual(proceeds)
      expect(await held).toEqual(acked)
    }
    const keysOf = async (node: TestRedis) => Number(await node.client.dbsize())
    expect(Math.min(...(await Promise.all(nodes.map(keysOf))))).toBeGreaterThan(0)
  })

  test('the PBX ends a call at the process that does not hold it', async () => {
    const held = askPbx(first.publicUrl, { sip_user_id: ids[0]!, call_id: 'ended' })
    const push = await first.pushed('ended')
    expect(await endCall(second.publicUrl, 'ended', 'caller_hangup')).toBe(200)
    expect(await held).toEqual(naked('caller-gone'))
    expect(await answer(push, { baseUrl: second.publicUrl })).toEqual(refuses('ended'))
  })

  test('registrations are limited by both together, and devices can be removed', async () => {
    const fields = { sip_user_id: ids[0]!, token: 'push-token', app: 'com.example.phone' }
    const removed = await postForm(`${second.publicUrl}/api/android-device/`, fields, { method: 'DELETE' })
    expect(removed.status).toBe(200)
    const statuses: number[] = []
    for (let index = 0; index < 40; index++)
      statuses.push(await registerPhone([first, second][index % 2]!.publicUrl, { sip_user_id: 'many' }))
    expect(statuses[0]).toBe(201)
    // The registrations before and the removal count on the same route.
    expect(statuses.filter(each => each === 429).length).toBe(ids.length + 1)
  })
  test('that hangs calls are busy within a second, and all is well when it goes on', async () => {
    await registerPhone(first.publicUrl, { sip_user_id: ids[1]! })
    const stalledForMs = watchStalls()
    for (const node of nodes) node.pause()
    const held = await holdCall(first.publicUrl, ids[1]!, 'away')
    const answered = await held.answered
    expect(answered).toMatchObject({ status: 'NAK', reason: 'busy' })
    expect(answered!.waited_ms).toBeLessThanOrEqual(1_000 + stalledForMs())

    for (const node of nodes) node.resume()
    await Promise.all([first, second].map(each => untilReady(each.internalUrl)))
    const again = askPbx(first.publicUrl, { sip_user_id: ids[1]!, call_id: 'back' })
    const push = await first.pushed('back')
    expect(await answer(push, { baseUrl: second.publicUrl })).toEqual(proceeds)
    expect(await again).toEqual(acked)
  })
})
