// The feed: everything at once for whoever comes, then what changed, looked up once for all and only while somebody
// watches.
import { expect, test } from 'bun:test'
import pino from 'pino'
import type { Log } from '../../src/base/log.ts'
import { openLiveFeed, VIEWERS_MAX } from '../../src/live/liveFeed.ts'
import type { LiveView } from '../../src/live/liveView.ts'
import { RedisUnavailable } from '../../src/redis/connect.ts'
import { eventually } from '../harness/internal.ts'
import { hourOf } from './madeUp.ts'

const log = pino({ level: 'silent' }) as unknown as Log

const call = (dialId: string, owner = 'agent-1') =>
  ({ dialId, owner, kind: 'asp-call', legs: [], bargers: [] }) as unknown as LiveView['calls'][number]

async function openStage() {
  const view = {
    pods: [],
    waits: { held: 0, heldMax: 0, eldest: [] },
    calls: [call('one')],
    callsTotal: 1,
    agents: [],
    switches: [],
    queues: [],
    lately: [],
    hour: await hourOf(() => ({})),
  } as LiveView
  const stage = { view, looks: 0, isAway: false }
  const feed = openLiveFeed({
    read: async () => {
      stage.looks += 1
      if (stage.isAway) throw new RedisUnavailable('away')
      return stage.view
    },
    about: { version: '1' },
    clock: () => 1,
    log,
  })
  return { stage, feed }
}

function watch(feed: ReturnType<typeof openLiveFeed>) {
  const events: { name: string; data: Record<string, unknown> }[] = []
  const viewer = { isEnded: false }
  const stop = feed.watch({
    hear(text) {
      for (const [, name, json] of text.matchAll(/event: (\w+)\ndata: (.*)\n\n/g))
        events.push({ name: name!, data: JSON.parse(json!) as Record<string, unknown> })
    },
    end: () => {
      viewer.isEnded = true
    },
  })
  const named = (name: string) => events.filter(event => event.name === name)
  const ticked = (times: number) => eventually(`${times} ticks`, () => named('tick').length >= times)
  return { events, named, ticked, stop, viewer }
}

test('a viewer gets everything at once, and then only what changed', async () => {
  const { stage, feed } = await openStage()
  const viewer = watch(feed)
  await viewer.ticked(1)
  expect(viewer.events.map(event => event.name)).toEqual([
    'about',
    'verdict',
    'pods',
    'waits',
    'callsTotal',
    'agents',
    'switches',
    'queues',
    'lately',
    'totals',
    'calls',
    'tick',
  ])
  expect(viewer.named('calls')[0]!.data).toEqual({ set: [call('one')], gone: [] })

  stage.view = { ...stage.view, calls: [call('two'), call('three')] }
  await viewer.ticked(2)
  expect(viewer.named('calls')[1]!.data).toEqual({ set: [call('two'), call('three')], gone: ['one'] })
  stage.view = { ...stage.view, calls: [call('two'), call('three', 'agent-2')] }
  await viewer.ticked(3)
  expect(viewer.named('calls')[2]!.data).toEqual({ set: [call('three', 'agent-2')], gone: [] })
  expect(viewer.named('pods')).toHaveLength(1)
  feed.close()
})

test('many viewers cost one look, and who comes later gets everything too', async () => {
  const { stage, feed } = await openStage()
  const first = watch(feed)
  await first.ticked(1)
  const later = watch(feed)
  expect(later.named('calls')[0]!.data).toEqual({ set: [call('one')], gone: [] })
  const looks = stage.looks
  await Promise.all([first.ticked(3), later.ticked(3)])
  expect(stage.looks - looks).toBeLessThanOrEqual(3)
  feed.close()
})

test('nobody watches, nobody looks', async () => {
  const { stage, feed } = await openStage()
  const viewer = watch(feed)
  await viewer.ticked(1)
  viewer.stop!()
  const looks = stage.looks
  await Bun.sleep(1_300)
  expect(stage.looks).toBe(looks)
  // What was told before is told again to whoever comes then.
  stage.view = { ...stage.view, calls: [call('other')] }
  const next = watch(feed)
  await next.ticked(1)
  expect(next.named('calls')).toEqual([{ name: 'calls', data: { set: [call('other')], gone: [] } }])
  feed.close()
})

test('a Redis that is away is told with each tick, and nothing is taken back', async () => {
  const { stage, feed } = await openStage()
  const viewer = watch(feed)
  await viewer.ticked(1)
  stage.isAway = true
  await viewer.ticked(2)
  expect(viewer.named('tick')[1]!.data).toEqual({ atMs: 1, isRedisAway: true })
  expect(viewer.named('verdict')[1]!.data).toMatchObject({ level: 'bad', troubles: [{ id: 'blind redis' }] })
  expect(viewer.named('calls')).toHaveLength(1)
  stage.isAway = false
  await viewer.ticked(3)
  expect(viewer.named('tick')[2]!.data).toEqual({ atMs: 1, isRedisAway: false })
  feed.close()
})

test('there is a most that may watch, and the end ends them all', async () => {
  const { feed } = await openStage()
  const viewers = Array.from({ length: VIEWERS_MAX }, () => watch(feed))
  expect(watch(feed).stop).toBeUndefined()
  viewers[0]!.stop!()
  expect(watch(feed).stop).toBeDefined()
  feed.close()
  expect(viewers.slice(1).every(each => each.viewer.isEnded)).toBe(true)
  expect(watch(feed).stop).toBeUndefined()
})
