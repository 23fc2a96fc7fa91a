// The dial half's metrics as Prometheus reads them: an agent as a process, a switch, jobs, and the internal listener.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { eventually } from '../harness/internal.ts'
import { startRedis, type TestRedis } from '../harness/redis.ts'
import { startService, type TestService } from '../harness/service.ts'
import { startTestSwitch, type TestSwitch } from '../switch/testSwitch.ts'
import { aspJob, botJob, GATEWAY, newDialId } from './stage.ts'

let redis: TestRedis
let testSwitch: TestSwitch
let agent: TestService

beforeAll(async () => {
  redis = await startRedis()
  testSwitch = await startTestSwitch({ msPerSecond: 100 })
  agent = await startService({
    ROLE: 'agent',
    PUBSUB_REDIS_URL: redis.url,
    ESL_URL: `127.0.0.1:${testSwitch.port}`,
    GATEWAY,
    GATEWAYS: 'nowhere=no_such_gateway',
    RING_TIMEOUT: '3',
  })
})
afterAll(async () => {
  await agent.kill()
  await Promise.all([testSwitch.close(), redis.close()])
})

/** One series by its exact name and labels; undefined when it is not there. */
async function read(series: string): Promise<number | undefined> {
  const response = await fetch(`${agent.internalUrl}/metrics`)
  const text = await response.text()
  const line = text.split('\n').find(each => each.startsWith(`${series} `))
  return line === undefined ? undefined : Number(line.slice(series.length + 1))
}

const becomes = (series: string, value: number) =>
  eventually(`${series} to be ${value}`, async () => (await read(series)) === value)

const push = (job: Record<string, unknown> | string, list = 'talkiq-asp.calls') =>
  redis.client.rpush(list, typeof job === 'string' ? job : JSON.stringify(job))

describe('a dialled job is counted by what became of its first leg', () => {
  test('answered, with the time that it rang and the time that it waited', async () => {
    await push(aspJob(newDialId(), { queued_at: Date.now() / 1_000 }))
    await becomes('hookswitch_dials_total{kind="asp-call",result="answered"}', 1)
    await becomes('hookswitch_ring_seconds_count{leg="a"}', 1)
    await becomes('hookswitch_ring_seconds_count{leg="b"}', 1)
    await becomes('hookswitch_job_wait_seconds_count{kind="asp-call"}', 1)
    await becomes('hookswitch_switch_command_seconds_count{command="originate",outcome="ok"}', 1)
  })

  test('unanswered, and its end by cause and class', async () => {
    await push(botJob(newDialId(), { phone_number: '15550000486' }), 'talkiq-bot.calls')
    await becomes('hookswitch_dials_total{kind="bot-call",result="unanswered"}', 1)
    await becomes('hookswitch_hangups_total{cause="USER_BUSY",class="busy"}', 1)
  })

  test('failed, when no channel came to be', async () => {
    await push(aspJob(newDialId(), { call_provider: 'nowhere' }))
    await becomes('hookswitch_dials_total{kind="asp-call",result="failed"}', 1)
  })
})

describe('the lists are measured when they are asked for', () => {
  test('what waits, and what is dead', async () => {
    // Nobody takes load tests without RED_MODE.
    await push(botJob(newDialId(), { type: 'load-test' }), 'talkiq-load.calls')
    await push('not a job')
    await becomes('hookswitch_queue_depth{list="talkiq-load.calls"}', 1)
    await becomes('hookswitch_dead_letter_depth{list="talkiq-asp.calls"}', 1)
    await becomes('hookswitch_queue_depth{list="talkiq-asp.calls"}', 0)
    await becomes('hookswitch_jobs_in_flight{list="talkiq-asp.calls"}', 0)
  })

  test('what is in flight, of any agent', async () => {
    await redis.client.sadd('hookswitch:agents', 'another')
    // Its card keeps survivors from winding it up.
    const card = JSON.stringify({ agent: 'another', switchName: 'x:1', coreUuid: '', isDraining: false })
    await redis.client.set('hookswitch:{agents}:another', card, 'PX', 20_000)
    await redis.client.rpush('hookswitch:in-flight:{talkiq-bot.calls}:another', 'job')
    await becomes('hookswitch_jobs_in_flight{list="talkiq-bot.calls"}', 1)
  })

  test('while Redis is away they are left out, and the rest is told as before', async () => {
    redis.pause()
    try {
      await eventually('the depth to be gone', async () => {
        return (await read('hookswitch_queue_depth{list="talkiq-load.calls"}')) === undefined
      })
      expect(await read('hookswitch_dials_total{kind="asp-call",result="answered"}')).toBe(1)
    } finally {
      redis.resume()
    }
    await becomes('hookswitch_queue_depth{list="talkiq-load.calls"}', 1)
  })
})

test('a switch that refuses what it is asked makes its agents unready, until it carries something out', async () => {
  const series = `hookswitch_switch_refuses{switch="127.0.0.1:${testSwitch.port}"}`
  const obstacles = async (): Promise<string[]> => {
    const response = await fetch(`${agent.internalUrl}/readyz`)
    return ((await response.json()) as { obstacles: string[] }).obstacles
  }
  testSwitch.set({ isPaused: true })
  for (let times = 0; times < 3; times++) await push(aspJob(newDialId()))
  await becomes(series, 1)
  expect(await obstacles()).toEqual(['switch-refuses'])
  testSwitch.set({ isPaused: false })
  await push(aspJob(newDialId()))
  await becomes(series, 0)
  expect(await obstacles()).toEqual([])
})
