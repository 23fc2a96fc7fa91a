// The jobs' way: pushed by a backend, until the originate is on the switch's socket. At a steady rate for the time it
// takes, all at once for how many a second go through.
import { atRate, createStopwatch, type Times } from './stopwatch.ts'
import { JOB_LIST, type Target } from './targets.ts'

/** Phones answer after this time, so that answers come at any moment between two orders. */
const ringMs = () => 20 + Math.random() * 60

/** A job of a burst that has not arrived by then is counted as lost. */
const BURST_TIMEOUT_MS = 30_000

let made = 0

/** A new job, with a dial id of its own. */
export function makeJob(): { dialId: string; text: string } {
  const number = ++made
  const dialId = `bench-${number}-${crypto.randomUUID()}`
  const text = JSON.stringify({
    type: 'asp-call',
    call_provider: 'acme',
    caller_number: '15550000001',
    callee_number: '15550000002',
    caller_id_lega: '15550000002',
    caller_id_legb: '15550000001',
    dial_id: dialId,
    org_id: 'org',
    user_id: `user-${number % USERS}`,
  })
  return { dialId, text }
}

/** Users whose calls are made in turn; each user has a history in Redis. */
const USERS = 1_000

/** The dial id of an originate, or of the floor's line, which holds the job as it came. */
export const dialIdOf = (command: string): string => /dial_id(?:=|":")([^,}"]+)/.exec(command)?.[1] ?? ''

const isJob = (command: string): boolean =>
  command.startsWith('bgapi originate') || command.startsWith('floor {')

/** One round at a steady rate. */
export async function timeJobs(
  { redis, sink }: Target,
  round: { perSecond: number; leadInSeconds: number; seconds: number },
): Promise<Times> {
  let isCounted = false
  const stopwatch = createStopwatch(() => isCounted)
  sink.ringMs = ringMs
  sink.onCommand = (command, atMs) => {
    if (isJob(command)) stopwatch.stop(dialIdOf(command), atMs)
  }
  const order = () => {
    const { dialId, text } = makeJob()
    stopwatch.start(dialId)
    void redis.rpush(JOB_LIST, text)
  }
  await atRate({ perSecond: round.perSecond, seconds: round.leadInSeconds }, order)
  isCounted = true
  await atRate(round, order)
  return stopwatch.read()
}

/** Pushes so many jobs in one command. @returns how many a second arrived, until all had. */
export async function rushJobs({ redis, sink }: Target, count: number): Promise<number> {
  const texts = Array.from({ length: count }, () => makeJob().text)
  const done = Promise.withResolvers<number>()
  const timer = setTimeout(() => done.reject(new Error('jobs were lost in a burst')), BURST_TIMEOUT_MS)
  let arrived = 0
  sink.ringMs = undefined
  sink.onCommand = (command, atMs) => {
    if (isJob(command) && ++arrived === count) done.resolve(atMs)
  }
  const startMs = performance.now()
  void redis.rpush(JOB_LIST, ...texts)
  const endMs = await done.promise
  clearTimeout(timer)
  return count / ((endMs - startMs) / 1_000)
}

/** Ends all calls, and waits until nothing of them is left in Redis. */
export async function clear({ redis, sink }: Target): Promise<void> {
  sink.hangUpAll()
  for (let left = 1; left > 0; ) {
    await Bun.sleep(100)
    left = (await redis.keys('hookswitch:call:*')).length
  }
}
