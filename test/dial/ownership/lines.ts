// A stage for tests in which agents lose their lines: valves between an agent and Redis, and between an agent and the switch.
import { afterEach, beforeEach } from 'bun:test'
import { openValve, type Valve } from '../../chaos/valve.ts'
import {
  aspJob,
  botJob,
  type Channel,
  leftovers,
  newDialId,
  type OpenedAgent,
  openStage,
  type Stage,
  until,
} from '../stage.ts'

export let stage: Stage
/** Between an agent and Redis, and between an agent and the switch. */
export let redisLine: Valve
export let switchLine: Valve

/** To be called once by each file: every one of its tests then has a stage and lines of its own. */
export function openLines(): void {
  beforeEach(async () => {
    stage = await openStage()
    redisLine = await openValve(stage.redis.port)
    switchLine = await openValve(stage.switch.port)
  })
  afterEach(async () => {
    for (const each of [redisLine, switchLine]) each.set('open')
    await stage.close()
    for (const each of [redisLine, switchLine]) each.close()
  })
}

export async function ready(agent: OpenedAgent): Promise<OpenedAgent> {
  await agent.isReady
  return agent
}

export const behindRedisLine = () =>
  ready(stage.agent({ redis: { url: `redis://127.0.0.1:${redisLine.port}`, connectTimeoutMs: 1_000 } }))

export const behindSwitchLine = () =>
  ready(
    stage.agent({
      switch: { name: 'by another line', host: '127.0.0.1', port: switchLine.port, password: 'ClueCon' },
    }),
  )

export async function parked(phone = '15550000003'): Promise<{ dialId: string; channel: Channel }> {
  const dialId = newDialId()
  const channel = await stage.listen(dialId)
  await stage.push(botJob(dialId, { phone_number: phone }))
  await channel.next('answer-event')
  return { dialId, channel }
}

export async function talk(): Promise<{ dialId: string; channel: Channel }> {
  const dialId = newDialId()
  const channel = await stage.listen(dialId)
  await stage.push(aspJob(dialId))
  await channel.next(each => each.type === 'answer-event' && each.side === '1')
  return { dialId, channel }
}

export const commands = () =>
  stage.switch.records(0, ['command']).map(each => ('command' in each ? each.command : ''))
export const legOf = (phone: string) => stage.switch.channels().find(each => each.destination === phone)
export const listenersOf = async (channel: string) =>
  ((await stage.redis.client.pubsub('NUMSUB', channel)) as [string, number])[1]
export const answersTo = (channel: Channel, commandId: string) =>
  channel.heard.filter(each => each.command_id === commandId).map(each => each.type)
export const endsIn = (channel: Channel) => channel.heard.filter(each => each.type === 'hangup-event')
export const nothingIsLeft = () => until('nothing is left', async () => (await leftovers(stage)).length === 0)
export const stopPlayback = (commandId: string) => ({ type: 'stop-playback', command_id: commandId })
