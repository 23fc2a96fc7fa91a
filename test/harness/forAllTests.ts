// A Redis and services on it that all tests of a file share: started before its first test, gone after its last.
import { afterAll, beforeAll } from 'bun:test'
import { startRedis, type TestRedis } from './redis.ts'
import type { TestService } from './service.ts'

type Settings = Record<string, string>

/** Called at the top of a file. What it returns can be used in the file's tests and hooks, and not before.
 *  @param start `startService` or `startVendorService`.
 *  @param settings of each service that is started, but for the Redis.
 *  @returns the Redis, then the services. */
export function forAllTests<Service extends TestService, const All extends readonly Settings[]>(
  start: (settings: Settings) => Promise<Service>,
  ...settings: All
): [TestRedis, ...{ [Index in keyof All]: Service }] {
  const opened = new AsyncDisposableStack()
  const redis = later<TestRedis>()
  const services = settings.map(() => later<Service>())
  beforeAll(async () => {
    redis.is(opened.use(await startRedis()))
    const startOne = async (own: Settings, index: number) =>
      services[index]!.is(opened.use(await start({ PUBSUB_REDIS_URL: redis.value.url, ...own })))
    await Promise.all(settings.map(startOne))
  })
  afterAll(() => opened.disposeAsync())
  const values = services.map(each => each.value) as { [Index in keyof All]: Service }
  return [redis.value, ...values]
}

/** A thing that a test file may name before it is there: `value` stands for whatever `is` was told. */
function later<Thing extends object>(): { value: Thing; is: (thing: Thing) => void } {
  let found: Thing | undefined
  const there = (): Thing => {
    if (found === undefined) throw new Error('it is started before the first test, and not sooner')
    return found
  }
  const value = new Proxy({} as Thing, {
    get: (_, name) => Reflect.get(there(), name),
    set: (_, name, given) => Reflect.set(there(), name, given),
  })
  return {
    value,
    is(thing) {
      found = thing
    },
  }
}
