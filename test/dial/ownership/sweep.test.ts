// What the looks for calls without an owner cost, and what they do with a record that no agent can read.
import { expect, test } from 'bun:test'
import { until } from '../stage.ts'
import { openLines, ready, stage } from './lines.ts'

openLines()

test('idle agents cost Redis in proportion to their number', async () => {
  const { client } = stage.redis
  // What grows with the square of their number would be four times as much for each of eight agents as for each of two.
  let agents = 0
  const costWith = async (more: number): Promise<number> => {
    await Promise.all(Array.from({ length: more }, () => ready(stage.agent({ takeoverMs: 3_000 }))))
    agents += more
    await client.config('RESETSTAT')
    const asked = () => client.info('commandstats')
    await until('all have looked', async () => callsOf(await asked(), 'mget') >= 3 * agents, 20_000)
    const stats = await asked()
    return ['get', 'mget', 'hget', 'smembers'].reduce((sum, each) => sum + callsOf(stats, each), 0) / agents
  }
  const withFew = await costWith(2)
  expect(await costWith(6)).toBeLessThan(2 * withFew)
})

const callsOf = (stats: string, command: string): number =>
  Number(new RegExp(`cmdstat_${command}:calls=(\\d+)`).exec(stats)?.[1] ?? 0)

test('a record that can not be read back is told of once, however often it is looked at', async () => {
  const { client } = stage.redis
  const agent = await ready(stage.agent())
  const record = { dialId: 'unreadable', orgId: 'o', userId: 'u', owner: agent.name, fence: '7', steps: '1' }
  await client.hset('hookswitch:call:{unreadable}', { ...record, job: 'of another version' })
  const owned = `hookswitch:owned:${agent.name}`
  const poke = JSON.stringify({ kind: 'look', dialId: 'x', isSwitch: false, from: 'x' })
  // Each look takes a dial id away of which there is nothing.
  for (let look = 0; look < 4; look++) {
    await client.sadd(owned, 'unreadable', `gone-${look}`)
    await client.publish(`hookswitch:agent-inbox:${agent.name}`, poke)
    await until('it has looked', async () => (await client.sismember(owned, `gone-${look}`)) === 0)
  }
  expect(agent.counts.get('bugs takeover')).toBe(1)
  await client.del('hookswitch:call:{unreadable}')
  await until('it is let go', async () => {
    await client.publish(`hookswitch:agent-inbox:${agent.name}`, poke)
    return (await client.exists(owned)) === 0
  })
})
