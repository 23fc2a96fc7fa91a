// A Redis that is full refuses the first write of a script, and what the script has published before that is not taken back. So
// nobody is told of a change of a wake that was not made: told that it leads, a wait pushes, again with each try.
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { once } from 'node:events'
import pino from 'pino'
import type { Log } from '../../src/base/log.ts'
import { openRedis, RedisUnavailable } from '../../src/redis/connect.ts'
import { wakeKey } from '../../src/redis/keys.ts'
import { openWakes, type WakeStore } from '../../src/redis/wakes/wakes.ts'
import { startRedis, type TestRedis } from '../harness/redis.ts'

const log = pino({ level: 'silent' }) as unknown as Log
const first = { inbox: 'inbox-1', id: 1 }
const second = { inbox: 'inbox-2', id: 2 }
const handed = { pushed: 2, sent: '' }

let redis: TestRedis
let wakes: WakeStore
let commands: ReturnType<typeof openRedis>
beforeAll(async () => {
  redis = await startRedis([])
  commands = openRedis({ url: redis.url, connectTimeoutMs: 1_000 }, 'commands', log)
  wakes = openWakes(commands)
  await once(commands, 'ready')
})
afterAll(async () => {
  commands.disconnect()
  await redis[Symbol.asyncDispose]()
})

type Wake = { account: string; callId: string }

test.each([
  ['the wait that leads leaves', ['inbox-2'], (wake: Wake) => wakes.leave(wake, first, handed)],
  [
    'a third request joins a wake whose lead is dead',
    ['inbox-2'],
    (wake: Wake) => wakes.begin(wake, { inbox: 'inbox-3', id: 3 }, 10_000),
  ],
  [
    'an app answers behind the deadline',
    ['inbox-1', 'inbox-2'],
    async (wake: Wake) => {
      // As a lead leaves it that died before the deadline.
      await redis.client.pexpire(wakeKey(wake), 60_000)
      return wakes.answer({ by: 'token', wake, device: 'd' }, { isAvailable: true })
    },
  ],
] as const)('nobody is told in vain when %s', async (name, inboxes, act) => {
  const wake = { account: 'a', callId: name.replaceAll(' ', '-') }
  await wakes.begin(wake, first, 10_000)
  const listener = redis.client.duplicate()
  await listener.subscribe('inbox-1')
  await wakes.begin(wake, second, 10_000)
  await listener.unsubscribe('inbox-1')
  const heard: string[] = []
  listener.on('message', (_: string, text: string) => heard.push(text.split('\n')[0]!))
  await listener.subscribe(...inboxes)
  try {
    await redis.client.config('SET', 'maxmemory', '1')
    for (const _ of [1, 2]) await expect(act(wake)).rejects.toBeInstanceOf(RedisUnavailable)
    await redis.client.config('SET', 'maxmemory', '0')
    await act(wake)
    // What was published before has come before.
    await redis.client.publish(inboxes[0], 'last')
    while (heard.at(-1) !== 'last') await Bun.sleep(5)
    expect(heard.filter(each => !each.includes(' joined ')).map(each => each.split(' ')[1])).toEqual([
      ...inboxes.map(() => (name === 'an app answers behind the deadline' ? 'ended' : 'lead')),
      undefined,
    ] as string[])
  } finally {
    await redis.client.config('SET', 'maxmemory', '0')
    listener.disconnect()
  }
})
