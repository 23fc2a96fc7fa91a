// A stage for tests in which agents lose their lines: valves between an agent and Redis, and between an agent and the switch.
import { afterEach, beforeEach } from 'bun:test'
import { openValve, type Valve } from '../../chaos/valve.ts'
import { type Channel, type OpenedAgent, openStage, type Stage } from '../stage.ts'

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

export const commands = () =>
  stage.switch.records(0, ['command']).map(each => ('command' in each ? each.command : ''))
export const answersTo = (channel: Channel, commandId: string) =>
  channel.heard.filter(each => each.command_id === commandId).map(each => each.type)
export const endsIn = (channel: Channel) => channel.heard.filter(each => each.type === 'hangup-event')
export const stopPlayback = (commandId: string) => ({ type: 'stop-playback', command_id: commandId })
