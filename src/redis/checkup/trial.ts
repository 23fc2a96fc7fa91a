// Tries on Redis what calls need of it: to write our keys and the backend's, to run a script, to take a job by BLMOVE,
// to hear on a channel what was published there. Everything that is written has a name of its own and is taken away.
import { type Finding, fine, problem } from '../../base/finding.ts'
import { messageOf } from '../../base/result.ts'
import type { RedisConnection } from '../connect.ts'
import { activeCallKey, deadLetterKey, historyKey } from '../keys.ts'

/** Of what is left behind should we die in the middle. */
const TRIAL_MS = 10_000

/** Redis delivers in a millisecond. */
const DELIVERY_MS = 2_000

/** Long enough for one turn; nothing ever comes. */
const BLOCKING_SECONDS = 0.01

/** Writes and runs what calls write and run. Never rejects. */
export async function tryRights(redis: RedisConnection, jobLists: readonly string[]): Promise<Finding[]> {
  const id = `doctor-${crypto.randomUUID()}`
  const own = `hookswitch:{${id}}`
  const ids = { dialId: id, orgId: id, userId: id }
  const trials: [what: string, attempt: () => Promise<unknown>][] = [
    ['write keys under hookswitch:', () => trialKey(redis, own)],
    ['write keys under redswitch.', () => trialKey(redis, activeCallKey(ids))],
    ['write keys under redswitch_history.', () => trialKey(redis, historyKey(ids))],
    ['run scripts (EVAL)', () => redis.call('EVAL', "return redis.call('DEL', KEYS[1])", '1', own)],
    ['move jobs (BLMOVE)', () => redis.blmove(`${own}:a`, `${own}:b`, 'LEFT', 'RIGHT', BLOCKING_SECONDS)],
  ]
  const refused = await refusalsOf([
    ...trials,
    ...jobLists.flatMap(list =>
      [list, deadLetterKey(list)].map((name): [string, () => Promise<unknown>] => [
        `read ${name}`,
        () => redis.type(name),
      ]),
    ),
  ])
  const findings = [...refused, ...(await readLists(redis, jobLists))]
  return findings.length > 0 ? findings : [fine('redis rights', 'All that calls need of Redis is allowed.')]
}

/** What is refused for the same reason is one finding. */
async function refusalsOf(trials: [what: string, attempt: () => Promise<unknown>][]): Promise<Finding[]> {
  /** By the first word of Redis' answer, which is its code: NOPERM, OOM, MISCONF. */
  const refused = new Map<string, { whats: string[]; words: string }>()
  await Promise.all(
    trials.map(async ([what, attempt]) => {
      try {
        await attempt()
      } catch (thrown) {
        const words = messageOf(thrown).replace(/\.+$/, '')
        const code = words.split(' ')[0]!
        const known = refused.get(code) ?? { whats: [], words }
        known.whats.push(what)
        refused.set(code, known)
      }
    }),
  )
  const order = (what: string) => trials.findIndex(([each]) => each === what)
  return [...refused.entries()].map(([code, { whats, words }]) =>
    problem(
      'redis rights',
      `We can't ${whats.toSorted((a, b) => order(a) - order(b)).join(', ')}: ${words}.`,
      code === 'NOPERM'
        ? 'Give our user what docs/security.md lists for it (ACL SETUSER), with your own list names.'
        : 'What the words mean stands in the documentation of Redis; its own log may say more.',
    ),
  )
}

async function trialKey(redis: RedisConnection, key: string): Promise<void> {
  await redis.set(key, '1', 'PX', TRIAL_MS)
  await redis.del(key)
}

async function readLists(redis: RedisConnection, jobLists: readonly string[]): Promise<Finding[]> {
  const names = jobLists.flatMap(list => [list, deadLetterKey(list)])
  const found = await Promise.all(
    names.map(async name => {
      // One that we may not read was told above.
      const type = await redis.type(name).catch(() => 'none')
      if (type === 'none' || type === 'list') return []
      return [
        problem(
          'redis job lists',
          `${name} is a ${type}, not a list: no job can be taken from it.`,
          'Name another list in JOB_LIST_ASP, JOB_LIST_BOT or JOB_LIST_LOAD, or remove that key.',
        ),
      ]
    }),
  )
  return found.flat()
}

/** Subscribes on a connection of its own and publishes on ours. Never rejects. */
export async function tryChannels(redis: RedisConnection, open: () => RedisConnection): Promise<Finding[]> {
  const check = 'redis pub/sub'
  // A dial id is any name, so the channel of the trial has none of our prefixes.
  const channel = `doctor-${crypto.randomUUID()}`
  const subscriber = open()
  const { promise: heard, resolve } = Promise.withResolvers<void>()
  const isReady = new Promise<void>(ready => subscriber.once('ready', ready))
  subscriber.on('message', () => resolve())
  try {
    await within(DELIVERY_MS, isReady, 'no further connection')
    await within(DELIVERY_MS, subscriber.subscribe(channel), 'SUBSCRIBE is not answered')
    await redis.publish(channel, 'doctor')
    await within(DELIVERY_MS, heard, 'what was published did not arrive')
    return [fine(check, 'What is published is delivered.')]
  } catch (thrown) {
    return [
      problem(
        check,
        `Pub/sub does not work: ${messageOf(thrown)}. No confirmation and no control message would arrive.`,
        'Allow all channels to our user (ACL SETUSER … allchannels); a proxy in front of Redis must pass SUBSCRIBE.',
      ),
    ]
  } finally {
    subscriber.disconnect()
  }
}

async function within(limitMs: number, wanted: Promise<unknown>, otherwise: string): Promise<void> {
  let timer: Timer | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(otherwise)), limitMs)
  })
  try {
    await Promise.race([wanted, late])
  } finally {
    clearTimeout(timer)
  }
}
