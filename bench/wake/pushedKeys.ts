// What an app has from its push and the generator can't know: the unique key that it posts back. No push goes anywhere
// here, so the keys are made from the wakes' records, many at a time, while their requests are held.
import { Redis } from 'ioredis'
import { wakeKey } from '../../src/redis/keys.ts'
import { uniqueKeyOf } from '../../src/redis/wakes/uniqueKeys.ts'
import { type CallBytes, DEVICE_ID } from './requests.ts'

/** Requests that were posted at least so long ago have their records. */
const POSTED_AGO_MS = 30
const LOOK_INTERVAL_MS = 40
const LOOKS_AT_ONCE_MAX = 1_000

/** One command for many: a generator takes its time from the same processors as what it measures. */
const SECRETS_LUA = `
local found = {}
for at, key in ipairs(KEYS) do found[at] = redis.call('HGET', key, 'secret') or '' end
return found
`

export interface PushedKeys {
  /** Writes the call's unique key into the bytes of its answer, as soon as it has one. */
  learn(call: CallBytes): void
  close(): void
}

export function openPushedKeys(redisPort: number): PushedKeys {
  const redis = new Redis({ port: redisPort })
  let unknown: { call: CallBytes; postedAtMs: number }[] = []

  async function look(): Promise<void> {
    const ripeAtMs = performance.now() - POSTED_AGO_MS
    const count = Math.min(LOOKS_AT_ONCE_MAX, unknown.filter(each => each.postedAtMs <= ripeAtMs).length)
    if (count === 0) return
    const asked = unknown.slice(0, count)
    unknown = unknown.slice(count)
    const keys = asked.map(({ call }) => wakeKey(call.wake!))
    const secrets = (await redis.eval(SECRETS_LUA, keys.length, ...keys)) as string[]
    asked.forEach((each, at) => {
      const uniqueKey = uniqueKeyOf(secrets[at] ?? '', DEVICE_ID)
      const { release, uniqueKeyAt } = each.call
      // What was pushed before there were keys is looked for all the same: the generators' cost is alike.
      if (uniqueKeyAt === undefined) return
      if (secrets[at]) release.write(uniqueKey, uniqueKeyAt, 'latin1')
      else unknown.push(each)
    })
  }

  const timer = setInterval(() => void look(), LOOK_INTERVAL_MS)
  return {
    learn: call => void unknown.push({ call, postedAtMs: performance.now() }),
    close() {
      clearInterval(timer)
      redis.disconnect()
    },
  }
}
