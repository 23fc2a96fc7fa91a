// The model of Redis against the real redis-server: random sequences of commands, all our scripts among them, go to both,
// and every reply, every message and all that is left in the end must be the same. Seeds are fixed, so that a failure is
// a failure of the change at hand.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { startRedis, type TestRedis } from '../../harness/redis.ts'
import { asking, comparable, holdings } from './sameness.ts'
import { anyCommand, expiringKey, SCRIPTS, scriptCall } from './sequences.ts'
import { type Line, openModel, openRealLine, type Seen } from './twoServers.ts'

const SEED = 20_261_130
const EXPIRES_MS = 2

let redis: TestRedis
let control: Awaited<ReturnType<typeof openRealLine>>

beforeAll(async () => {
  redis = await startRedis()
  control = await openRealLine(redis.port)
})
afterAll(() => redis.close())

/** What is published by a script of ours, or pushed by RESP3, comes unasked and is compared with the rest. */
const replyOf = (seen: Seen[], words: string[]) => seen.map(each => comparable(each, words))

type Step =
  | { kind: 'command'; words: string[] }
  | { kind: 'expire'; key: string }
  /** Memory is short from then on, or is there again. */
  | { kind: 'memory'; isFull: boolean }

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 60, arbitrary: anyCommand.map(words => ({ kind: 'command' as const, words })) },
  { weight: 1, arbitrary: expiringKey.map(key => ({ kind: 'expire' as const, key })) },
  { weight: 2, arbitrary: fc.boolean().map(isFull => ({ kind: 'memory' as const, isFull })) },
)

describe('one connection', () => {
  test('gets the same replies from the model as from Redis, and leaves the same', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom('2', '3'),
        fc.array(step, { maxLength: 60 }),
        async (protocol, steps) => {
          await control.ask(['CONFIG', 'SET', 'maxmemory', '0'])
          await control.ask(['FLUSHALL'])
          const real = await openRealLine(redis.port)
          const { model, openLine } = openModel()
          const modelled = openLine()
          const fill = async (isFull: boolean) => {
            await control.ask(['CONFIG', 'SET', 'maxmemory', isFull ? '1' : '0'])
            model.trouble = isFull ? 'full' : undefined
          }
          const both = async (words: string[]) => {
            const expected = replyOf([await real.ask(words)], words)
            modelled.send(words)
            expect({ words, replies: replyOf(modelled.take(), words) }).toEqual({ words, replies: expected })
          }
          const hello = ['HELLO', protocol]
          await real.ask(hello)
          modelled.send(hello)
          modelled.take()
          for (const each of steps) {
            if (each.kind === 'command') await both(each.words)
            else if (each.kind === 'memory') await fill(each.isFull)
            else {
              await both(['PEXPIRE', each.key, String(EXPIRES_MS)])
              await Bun.sleep(2 * EXPIRES_MS)
            }
          }
          await fill(false)
          // Whatever was begun is given up: it must not hide what is there.
          await real.ask(['DISCARD'])
          modelled.send(['DISCARD'])
          modelled.take()
          expect(await holdings(asking(modelled))).toEqual(await holdings(words => real.ask(words)))
          real.close()
        },
      ),
      { seed: SEED, numRuns: 250, endOnFailure: false },
    )
  })

  test('meets every script that there is', () => {
    const met = new Set(fc.sample(scriptCall, { seed: SEED, numRuns: 2_000 }).map(([, lua]) => lua!))
    expect(met.size).toBe(SCRIPTS.size)
  })
})

const LINES = 3

type Turn =
  | { kind: 'send'; line: number; words: string[] }
  | { kind: 'leave'; line: number }
  | { kind: 'wait'; line: number; words: string[] }

const channel = fc.constantFrom('c1', 'c2', 'inbox:a')
const job = fc.constantFrom('a', 'b')
const queue = fc.constantFrom('list1', 'list2')
const turnWords: fc.Arbitrary<string[]> = fc.oneof(
  { weight: 4, arbitrary: fc.tuple(fc.constant('SUBSCRIBE'), channel) },
  { weight: 1, arbitrary: fc.tuple(fc.constant('UNSUBSCRIBE'), channel) },
  { weight: 5, arbitrary: fc.tuple(fc.constant('PUBLISH'), channel, job) },
  { weight: 6, arbitrary: queue.map(list => ['BLMOVE', list, 'taken', 'LEFT', 'RIGHT', '0']) },
  { weight: 1, arbitrary: fc.constant<string[]>(['BLMOVE', 'list1', 'list2', 'RIGHT', 'LEFT', '0']) },
  { weight: 3, arbitrary: queue.map(list => ['BLPOP', list, '0']) },
  { weight: 6, arbitrary: fc.tuple(fc.constantFrom('RPUSH', 'LPUSH'), queue, job, job) },
  { weight: 1, arbitrary: fc.constant<string[]>(['DEL', 'list1']) },
  { weight: 1, arbitrary: fc.constant<string[]>(['SET', 'taken', 'x']) },
  { weight: 6, arbitrary: scriptCall },
)
/** Each ends before anything comes. */
const WAITS = [
  ['BLMOVE', 'none', 'taken', 'LEFT', 'RIGHT', '0.01'],
  ['BLPOP', 'none', '0.01'],
]
const line = fc.nat({ max: LINES - 1 })
const turn: fc.Arbitrary<Turn> = fc.oneof(
  { weight: 30, arbitrary: fc.record({ kind: fc.constant('send' as const), line, words: turnWords }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('leave' as const), line }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('wait' as const), line, words: fc.constantFrom(...WAITS) }),
  },
)

describe('several connections', () => {
  test('hear and wait as they do at Redis', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom('2', '3'),
        fc.array(turn, { maxLength: 40 }),
        async (protocol, turns) => {
          await control.ask(['FLUSHALL'])
          const { openLine } = openModel()
          const openBoth = async (): Promise<[real: Line, modelled: Line]> => {
            const pair: [Line, Line] = [await openRealLine(redis.port), openLine()]
            for (const each of pair) each.send(['HELLO', protocol])
            await settle()
            for (const each of pair) each.take()
            return pair
          }
          const lines: [real: Line, modelled: Line][] = []
          for (let left = LINES; left > 0; left--) lines.push(await openBoth())
          try {
            for (const each of turns) {
              const words = each.kind === 'leave' ? [] : each.words
              if (each.kind === 'leave') {
                for (const one of lines[each.line]!) one.close()
                lines[each.line] = await openBoth()
              } else for (const one of lines[each.line]!) one.send(words)
              await settle()
              // Its time runs out at both, or it waits behind something else at both.
              if (each.kind === 'wait') await Bun.sleep(WAIT_MS)
              if (each.kind === 'wait') await settle()
              const seen = lines.map(pair => pair.map(one => replyOf(one.take(), words)))
              expect({ each, seen: seen.map(([, modelled]) => modelled) }).toEqual({
                each,
                seen: seen.map(([real]) => real),
              })
            }
            const modelLine = openLine()
            expect(await holdings(asking(modelLine))).toEqual(await holdings(words => control.ask(words)))
          } finally {
            for (const pair of lines) for (const one of pair) one.close()
          }
        },
      ),
      { seed: SEED, numRuns: 120, endOnFailure: false },
    )
  })
})

/** Redis looks for those whose time is over ten times a second. */
const WAIT_MS = 130

/** Redis has read all that was written before, and what it wrote to anybody has come. */
async function settle(): Promise<void> {
  await control.ask(['PING'])
  await control.ask(['PING'])
  await new Promise(resolve => setImmediate(resolve))
}
