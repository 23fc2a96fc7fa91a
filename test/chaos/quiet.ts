// The quiet before and after traffic: agents that reach their switches, and calls that have all ended, with nothing left
// of them in Redis. What has not gone after a time is told.
import type { Evidence } from './evidence.ts'
import type { Scene } from './scene.ts'

/** How long the last calls may take to end once everything is healed: seconds, on a machine that is busy a minute or more. */
const QUIET_TIMEOUT_MS = 150_000

/** Every agent has said that it reaches every switch. */
export async function untilReady({ crew, switches }: Scene): Promise<void> {
  const links = () => crew.log.filter(({ line }) => line.msg === 'switch link ready').length
  while (links() < crew.of('agent').length * switches.length) await Bun.sleep(20)
}

/** Calls that nobody ends are ended by their phones; then nothing may be left. @returns what is left after all. */
export async function untilQuiet(scene: Scene): Promise<string[]> {
  const limitAtMs = Date.now() + QUIET_TIMEOUT_MS
  for (;;) {
    for (const { remote } of scene.switches)
      for (const { uuid } of await remote.channels()) await remote.hangup(uuid)
    const left = await leftoversOf(scene)
    if (left.length === 0 || Date.now() > limitAtMs) return left
    await Bun.sleep(1_000)
  }
}

/** Registrations, a secret, who there is, and what people are to read: nothing that grows with the traffic. */
const MAY_STAY = /^(hookswitch:(devices:|jwt-secret$|agents$|pods$)|talkiq-[a-z]+\.calls:dead$)/
/** Whether it has an expiry or not. */
const MUST_GO = /^(hookswitch:(call|owned|in-flight)|redswitch\.|talkiq-[a-z]+\.calls$)/

/** Keys of calls that are over, and keys that nothing would ever remove. */
export async function leftoversOf({ redis }: Scene): Promise<string[]> {
  const { client } = redis
  const all = await client.keys('*')
  // A living agent has its switch's channel.
  const living = all.map(key => /^hookswitch:\{agents\}:([^:]+)$/.exec(key)?.[1])
  const mayStay = new Set(living.map(agent => `hookswitch:agent-switches:${agent}`))
  const keys = all.filter(key => !MAY_STAY.test(key) && !mayStay.has(key))
  const expiries = await Promise.all(keys.map(key => client.ttl(key)))
  return keys.filter((key, index) => MUST_GO.test(key) || expiries[index] === -1)
}

/** What the switches and their phones recorded, of the whole run. */
export async function recordsOf({ switches }: Scene): Promise<Evidence['records']> {
  const all = await Promise.all(
    switches.map(async place => (await place.records()).map(entry => ({ ...entry, switch: place.name }))),
  )
  return all.flat()
}
