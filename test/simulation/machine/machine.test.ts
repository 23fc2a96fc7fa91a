// The simulated runtime and network, with the real ioredis on top: virtual time, processes that sleep and die, lines that
// break and fall silent, and the promise that everything hangs on: the same seed, the same run.
import { afterEach, describe, expect, test } from 'bun:test'
import { Redis } from 'ioredis'
import { REDIS_HOST, REDIS_PLACE, REDIS_PORT, RedisPlace } from '../world/redisPlace.ts'
import { closeMachine, type Machine, openMachine, takeOverRuntime } from './runtime.ts'

takeOverRuntime()
afterEach(closeMachine)

const MINUTE_MS = 60_000

function openScene(seed = 1) {
  const machine = openMachine(seed)
  const redis = new RedisPlace(machine, () => undefined)
  const client = machine.spawn('client')
  return { machine, redis, client, line: machine.network.line('client', REDIS_PLACE) }
}

function connect(): Redis {
  const connection = new Redis({
    host: REDIS_HOST,
    port: REDIS_PORT,
    commandTimeout: 800,
    retryStrategy: () => 100,
    maxRetriesPerRequest: 0,
  })
  connection.on('error', () => undefined)
  return connection
}

/** What a client saw and when, by the world's clock. */
type Seen = [what: string, atMs: number][]

function pinging(machine: Machine, seen: Seen): void {
  const connection = connect()
  const note = (what: string) => seen.push([what, machine.schedule.nowMs])
  connection.on('ready', () => note('ready'))
  connection.on('close', () => note('close'))
  setInterval(() => {
    connection.incr('count').then(
      count => note(`count ${count}`),
      thrown => note(String(thrown.message)),
    )
  }, 500)
}

function run(seed: number, spoil: (scene: ReturnType<typeof openScene>) => void): Seen {
  const scene = openScene(seed)
  const seen: Seen = []
  scene.machine.schedule.as(scene.client, () => pinging(scene.machine, seen))
  scene.machine.schedule.runUntil(2_100)
  spoil(scene)
  scene.machine.schedule.runUntil(10_000)
  return seen
}

const whats = (seen: Seen): string[] => seen.map(([what]) => what)
const COUNTS = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, at) => `count ${from + at}`)

describe('virtual time', () => {
  test('passes as fast as things happen, and stands still for whoever is at work', () => {
    const { machine, client } = openScene()
    const times: number[] = []
    machine.schedule.as(client, async () => {
      for (let left = 3; left > 0; left--) {
        await Bun.sleep(MINUTE_MS)
        times.push(performance.now())
      }
    })
    machine.schedule.runUntil(10 * MINUTE_MS)
    expect(times).toEqual([MINUTE_MS, 2 * MINUTE_MS, 3 * MINUTE_MS])
  })

  test('is not seen outside a simulated process', () => {
    openScene()
    expect(Math.abs(Date.now() - (performance.timeOrigin + performance.now()))).toBeLessThan(MINUTE_MS)
  })

  test('jumps and stands still for one process alone', () => {
    const { machine, client } = openScene()
    const other = machine.spawn('other')
    const begannMs = client.wallMs()
    client.jump(-MINUTE_MS)
    other.sleep({ isStandstill: true })
    machine.schedule.runUntil(MINUTE_MS)
    other.wake()
    expect([client.wallMs() - begannMs, client.stopwatchMs()]).toEqual([0, MINUTE_MS])
    expect([other.wallMs() - begannMs, other.stopwatchMs()]).toEqual([0, 0])
  })
})

describe('one seed', () => {
  test('gives one run, to the microsecond', () => {
    const spoil = ({ machine, line }: ReturnType<typeof openScene>) => {
      machine.network.cut(line)
      machine.schedule.runUntil(3_000)
      machine.network.heal(line)
      line.isInPieces = true
    }
    const first = run(7, spoil)
    expect(run(7, spoil)).toEqual(first)
    expect(run(8, spoil)).not.toEqual(first)
    expect(first.length).toBeGreaterThan(15)
  })
})

describe('a connection', () => {
  test('carries commands', () => {
    expect(whats(run(1, () => undefined))).toEqual(['ready', ...COUNTS(1, 19)])
  })

  test('is refused while its line is cut, and made again after', () => {
    const seen = run(1, ({ machine, line }) => {
      machine.network.cut(line)
      machine.schedule.runUntil(4_000)
      machine.network.heal(line)
    })
    expect(whats(seen)).toContain('close')
    expect(whats(seen).filter(what => what === 'ready')).toHaveLength(2)
    expect(whats(seen).at(-1)).toMatch(/^count 1\d$/)
  })

  test('is told nothing while its line is silent; what was sent arrives when it speaks again', () => {
    const seen = run(1, ({ machine, line }) => {
      machine.network.silence(line, ['there'])
      machine.schedule.runUntil(4_100)
      machine.network.heal(line)
    })
    expect(whats(seen)).toContain('Command timed out')
    expect(whats(seen)).not.toContain('close')
    // None was lost.
    expect(whats(seen).at(-1)).toBe('count 19')
  })

  test('loses answers, not commands, where the way back is silent', () => {
    const seen = run(1, ({ machine, line, redis }) => {
      machine.network.silence(line, ['back'])
      machine.schedule.runUntil(4_100)
      expect(redis.ask('GET', 'count')).toBe('8')
      machine.network.heal(line)
    })
    expect(whats(seen)).toContain('Command timed out')
    expect(whats(seen).at(-1)).toBe('count 19')
  })

  test('ends with the process at its other end, and keeps what is sent to one that sleeps', () => {
    const killed = run(1, ({ machine, redis }) => {
      redis.kill()
      machine.schedule.runUntil(4_000)
      redis.start('all')
    })
    expect(whats(killed)).toContain('close')
    expect(whats(killed).at(-1)).toMatch(/^count 1\d$/)
    const asleep = run(1, ({ machine, redis }) => {
      redis.process.sleep()
      machine.schedule.runUntil(4_100)
      redis.process.wake()
    })
    expect(whats(asleep)).not.toContain('close')
    expect(whats(asleep).at(-1)).toBe('count 19')
  })

  test('knows data again, some of it, or none', () => {
    const { machine, redis } = openScene()
    redis.ask('SET', 'first', '1')
    const copy = redis.model.db.copy()
    redis.ask('SET', 'second', '2')
    const keysAfter = (kept: Parameters<RedisPlace['start']>[0]) => {
      redis.kill()
      redis.start(kept)
      machine.schedule.runUntil(machine.schedule.nowMs + 1)
      return redis.ask('KEYS', '*')
    }
    expect(keysAfter('all')).toEqual(['first', 'second'])
    expect(keysAfter(copy)).toEqual(['first'])
    expect(keysAfter('none')).toEqual([])
  })

  test('is not heard from again when its own process is killed', () => {
    const { machine, client, redis } = openScene()
    const seen: Seen = []
    machine.schedule.as(client, () => pinging(machine, seen))
    machine.schedule.runUntil(2_100)
    client.die()
    machine.schedule.runUntil(3_000)
    expect(redis.model.sessionCount).toBe(0)
    expect(seen.at(-1)?.[1]).toBeLessThan(2_100)
  })
})
