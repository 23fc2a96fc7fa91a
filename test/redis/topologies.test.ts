// The whole service, wakes and calls, on Redis as operators run it: a Cluster, Sentinel, and TLS with a password. What
// only concerns the wake is in the files that bear those names.
import { afterEach, expect, test } from 'bun:test'
import { acked, answer, askPbx, proceeds, registerPhone } from '../harness/client.ts'
import { eventually, untilReady } from '../harness/internal.ts'
import { startService, type TestService } from '../harness/service.ts'
import { SLOTS, startCluster, startSentinel, startTls, type Topology } from '../harness/topologies.ts'
import { startTestSwitch, type TestSwitch } from '../switch/testSwitch.ts'

const NODES = 3
const TEST_TIMEOUT_MS = 20_000
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
      expect(await active()).toEqual([])
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
