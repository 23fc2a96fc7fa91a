// The whole service, wakes and calls, on Redis as operators run it: a Cluster, Sentinel, and TLS with a password. What
// only concerns the wake is in the files that bear those names.
import { afterEach, expect, test } from 'bun:test'
import { acked, answer, askPbx, proceeds, refuses, registerPhone } from '../harness/client.ts'
import { SLOTS, startCluster } from '../harness/cluster.ts'
import { eventually, untilReady } from '../harness/internal.ts'
import { startSentinel } from '../harness/sentinel.ts'
import { startService, type TestService } from '../harness/service.ts'
import { startTls } from '../harness/tlsRedis.ts'
import type { Topology } from '../harness/topology.ts'
import { startTestSwitch, type TestSwitch } from '../switch/testSwitch.ts'

const NODES = 3
const TEST_TIMEOUT_MS = 60_000
const SOUND = '/usr/share/freeswitch/sounds/test/announce-3s.wav'

type Message = Record<string, string> & { type: string }

interface Scene {
  topology: Topology
  service: TestService
  testSwitch: TestSwitch
}

let closers: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of closers.reverse()) await close()
  closers = []
})

async function openScene<Kind extends Topology>(
  start: () => Promise<Kind>,
): Promise<Scene & { topology: Kind }> {
  const topology = await start()
  closers.push(() => Promise.resolve(topology[Symbol.asyncDispose]()))
  const testSwitch = await startTestSwitch({ msPerSecond: 100 })
  closers.push(() => testSwitch.close())
  const service = await startService({
    ...topology.settings,
    ROLE: 'all',
    ESL_URL: `127.0.0.1:${testSwitch.port}`,
    GATEWAY: 'talk_call_provider',
    APP_PUSH_ROUNDTRIP_WAIT: '10000',
  })
  closers.push(() => service.kill())
  await untilReady(service.internalUrl)
  expect(await registerPhone(service.publicUrl, { sip_user_id: '2201' })).toBe(201)
  return { topology, service, testSwitch }
}

async function expectWake({ service }: Scene, callId: string): Promise<void> {
  const held = askPbx(service.publicUrl, { sip_user_id: '2201', call_id: callId })
  const push = await service.pushed(callId)
  expect(await answer(push, { baseUrl: service.publicUrl })).toEqual(proceeds)
  expect(await held).toEqual(acked)
}

/** Queues a job as a backend does and waits until both sides talk. */
async function dial({ topology, testSwitch }: Scene, dialId: string) {
  const [commands, ear] = [topology.connect(), topology.connect()]
  const heard: Message[] = []
  const own = new Set<string>()
  ear.on('message', (_channel: string, text: string) => {
    if (!own.has(text)) heard.push(JSON.parse(text) as Message)
  })
  await ear.subscribe(dialId)
  const numbers = { caller_number: `1555${dialId}1`, callee_number: `1555${dialId}2` }
  const ids = { dial_id: dialId, org_id: 'org', user_id: `user-${dialId}` }
  const callerIds = { caller_id_lega: '15550000002', caller_id_legb: '15550000001' }
  const job = { type: 'asp-call', call_provider: 'acme', ...numbers, ...callerIds, ...ids }
  await commands.rpush('talkiq-asp.calls', JSON.stringify(job))

  const active = () => commands.lrange(`redswitch.${dialId}.org.user-${dialId}`, 0, -1)
  const history = () => commands.lrange(`redswitch_history.org.user-${dialId}`, 0, -1)
  /** What the channel told of the call itself, without answers to what was ordered. */
  const events = () => heard.filter(each => each.command_id === undefined)
  const bridged = () =>
    testSwitch
      .channels()
      .some(each => each.destination === numbers.caller_number && each.bridgedTo !== undefined)

  await eventually(`both sides of ${dialId} to talk`, () => events().length === 3 && bridged())
  expect(events()).toEqual([
    { type: 'call-start', dial_id: dialId },
    { type: 'answer-event', side: '0' },
    { type: 'answer-event', side: '1' },
  ])
  await eventually(`the active sides of ${dialId}`, async () => (await active()).length === 2)
  expect((await active()).sort()).toEqual(['ACTIVE.0', 'ACTIVE.1'])

  /** Publishes a control message and returns its answer. */
  async function order(message: Record<string, string>): Promise<Message> {
    const commandId = crypto.randomUUID()
    const text = JSON.stringify({ ...message, command_id: commandId })
    own.add(text)
    await commands.publish(dialId, text)
    const answers = () => heard.filter(each => each.command_id === commandId)
    await eventually(`the answer to ${message.type}`, () => answers().length > 0)
    const { command_id: _, ...rest } = answers()[0]!
    return rest as Message
  }

  return {
    order,
    /** Resolves when the call's agent has answered something; what is said before it listens again is lost. */
    async isSteered() {
      await eventually('the agent to hear again', async () => {
        const text = JSON.stringify({ type: 'stop-playback', command_id: crypto.randomUUID() })
        own.add(text)
        const before = heard.length
        // One that a client of ioredis keeps for a node that is gone is published again.
        const published = commands.publish(dialId, text).catch(() => undefined)
        await Promise.race([published, Bun.sleep(1_000)])
        await Bun.sleep(200)
        return heard.slice(before).some(each => each.type === 'ack')
      })
      heard.splice(0, heard.length, ...heard.filter(each => each.type !== 'ack'))
    },
    /** Resolves when the ear and the call's agent hear the channel; where one server knows of all. */
    async isHeardByBoth() {
      await eventually('the agent to hear again', async () => {
        const [, count] = (await commands.call('PUBSUB', 'NUMSUB', dialId)) as [string, number]
        return Number(count) === 2
      })
    },
    async hangUp() {
      expect(await order({ type: 'hangup' })).toEqual({ type: 'ack', event: 'hangup' })
      await eventually(`the end of ${dialId}`, () => events().length === 5)
      const ends = events().slice(3)
      expect(ends.map(each => each.side).sort()).toEqual(['0', '1'])
      for (const end of ends) expect(end).toMatchObject({ type: 'hangup-event', cause: 'NORMAL_CLEARING' })
      const all = events().map(each => JSON.stringify(each))
      await eventually('the history', async () => (await history()).length >= all.length)
      expect((await history()).toReversed()).toEqual(all)
      await eventually('no active side', async () => (await active()).length === 0)
    },
  }
}

async function expectPlays(call: Awaited<ReturnType<typeof dial>>): Promise<void> {
  expect(await call.order({ type: 'play', path: SOUND })).toEqual({ type: 'ack', event: 'play' })
}

async function expectNothingLeft({ topology, testSwitch }: Scene): Promise<void> {
  const isOfACall = /^(hookswitch:(call|owned|in-flight)|redswitch\.|talkiq-)/
  let left: string[] = []
  await eventually('nothing of the calls to be left', async () => {
    left = (await topology.keys()).filter(key => isOfACall.test(key))
    return left.length === 0
  })
  expect(testSwitch.channels()).toEqual([])
  expect(testSwitch.injections).toEqual([])
}

test(
  'a Cluster serves wakes, and calls whose ids lie on each of its nodes',
  async () => {
    const scene = await openScene(() => startCluster(NODES))
    await expectWake(scene, 'on-cluster')
    const dialIds = Array.from({ length: 6 }, (_, index) => `3100${index}`)
    const client = scene.topology.connect()
    const slots = await Promise.all(dialIds.map(dialId => client.call('CLUSTER', 'KEYSLOT', dialId)))
    const nodes = new Set(slots.map(slot => Math.floor((Number(slot) * NODES) / SLOTS)))
    expect(nodes.size).toBe(NODES)
    await Promise.all(
      dialIds.map(async dialId => {
        const call = await dial(scene, dialId)
        await expectPlays(call)
        await call.hangUp()
      }),
    )
    await expectNothingLeft(scene)
  },
  TEST_TIMEOUT_MS,
)

test(
  'a server behind TLS and a password serves wakes and calls',
  async () => {
    const scene = await openScene(startTls)
    await expectWake(scene, 'over-tls')
    const call = await dial(scene, '32000')
    await expectPlays(call)
    await call.hangUp()
    await expectNothingLeft(scene)
  },
  TEST_TIMEOUT_MS,
)

test(
  'a call that is up outlives the master that Sentinel replaces, and wakes go on',
  async () => {
    const scene = await openScene(startSentinel)
    await expectWake(scene, 'before')
    const short = await dial(scene, '33000')
    await expectPlays(short)
    await short.hangUp()

    const long = await dial(scene, '33001')
    await scene.topology.failOver()
    await long.isHeardByBoth()
    await expectPlays(long)
    await untilReady(scene.service.internalUrl)
    await expectWake(scene, 'after')
    await long.hangUp()
    await expectNothingLeft(scene)
  },
  TEST_TIMEOUT_MS,
)

test(
  'a Cluster behind TLS serves wakes and calls',
  async () => {
    const scene = await openScene(() => startCluster(NODES, { isEncrypted: true }))
    await expectWake(scene, 'on-encrypted-cluster')
    const call = await dial(scene, '34000')
    await expectPlays(call)
    await call.hangUp()
    await expectNothingLeft(scene)
  },
  TEST_TIMEOUT_MS,
)

test(
  'Sentinel and its servers behind TLS serve wakes and calls, also after a failover',
  async () => {
    const scene = await openScene(() => startSentinel({ isEncrypted: true }))
    await expectWake(scene, 'before-encrypted')
    const call = await dial(scene, '35000')
    await scene.topology.failOver()
    await call.isHeardByBoth()
    await expectPlays(call)
    await untilReady(scene.service.internalUrl)
    await expectWake(scene, 'after-encrypted')
    await call.hangUp()
    await expectNothingLeft(scene)
  },
  TEST_TIMEOUT_MS,
)

test(
  'calls that are up outlive the loss of any node of a Cluster, and wakes go on',
  async () => {
    const scene = await openScene(() => startCluster(NODES, { replicas: 1 }))
    const { topology, service } = scene
    await expectWake(scene, 'before-loss')
    const client = topology.connect()
    const calls = new Map<number, Awaited<ReturnType<typeof dial>>>()
    for (let number = 36_000; calls.size < NODES; number++) {
      const slot = Number(await client.call('CLUSTER', 'KEYSLOT', String(number)))
      const node = Math.floor((slot * NODES) / SLOTS)
      if (!calls.has(node)) calls.set(node, await dial(scene, String(number)))
    }
    // What was not yet copied is lost with a master, and that is not looked at here.
    await Bun.sleep(200)
    await topology.failOver(1)
    await untilReady(service.internalUrl)
    for (const call of calls.values()) {
      await call.isSteered()
      await expectPlays(call)
    }
    await expectWake(scene, 'after-loss')
    for (const call of calls.values()) await call.hangUp()
    await expectNothingLeft(scene)
  },
  2 * TEST_TIMEOUT_MS,
)

test(
  'in a Cluster, whose nodes count their own listeners only, no app goes ahead for a process that was killed',
  async () => {
    const { topology, service } = await openScene(() => startCluster(NODES))
    const holder = await startService({ ...topology.settings, APP_PUSH_ROUNDTRIP_WAIT: '10000' })
    closers.push(() => holder.kill())
    const callIds = Array.from({ length: 9 }, (_, index) => `held-${index}`)
    const pushes = await Promise.all(
      callIds.map(async callId => {
        askPbx(holder.publicUrl, { sip_user_id: '2201', call_id: callId }).catch(() => 'it breaks')
        return holder.pushed(callId)
      }),
    )
    // While it lives its confirmations are heard, whichever node their records are on.
    for (const push of pushes.splice(0, 6))
      expect(await answer(push, { baseUrl: service.publicUrl })).toEqual(proceeds)
    await holder.kill()
    for (const push of pushes) {
      expect(await answer(push, { baseUrl: service.publicUrl })).toEqual(refuses('ended'))
      expect(await answer(push, { baseUrl: service.publicUrl })).toEqual(refuses('ended'))
    }
  },
  TEST_TIMEOUT_MS,
)
