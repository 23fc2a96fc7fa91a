// What an agent that died leaves in Redis: the next agent finds its jobs by their very bytes, and no phone rings twice. The
// agents that die as processes are in takeover.test.ts.
import { afterEach, beforeEach, expect, test } from 'bun:test'
import { nothingIsLeft, ringsOf } from './scenes.ts'
import { aspJob, newDialId, openStage, type Stage, until } from './stage.ts'

const DEAD = 'gone-agent'

let stage: Stage
beforeEach(async () => {
  stage = await openStage()
})
afterEach(() => stage.close())

test('a job that was never dialled is left to the next agent, first of all', async () => {
  const early = newDialId()
  const job = JSON.stringify(aspJob(early, { caller_number: '15550000486' }))
  await stage.redis.client.sadd('hookswitch:agents', DEAD)
  await stage.redis.client.rpush(`hookswitch:in-flight:{talkiq-asp.calls}:${DEAD}`, job)
  const channel = await stage.listen(early)
  await stage.agent().isReady
  await channel.next('hangup-event')
  expect(ringsOf(stage, early)).toHaveLength(1)
  await nothingIsLeft(stage)
})

test.each([
  ['a Latin-1 byte', (job: string) => job.replace('{', '{"note":"caf\u00e9",'), undefined],
  ['a byte-order mark', (job: string) => `\u00ef\u00bb\u00bf${job}`, undefined],
  ['a stray byte', (job: string) => `${job.slice(0, -1)},"note":"\u00ff\u00c3"}`, undefined],
  ['a stray byte behind it', (job: string) => `${job}\u00ff`, 'the job is not valid JSON'],
  [
    'a time that throws when it is read',
    (job: string) => job.replace('{', '{"queued_at":{"toString":1},'),
    'queued_at must be',
  ],
  [
    'more characters than any job',
    (job: string) => job.replace('{', `{"note":"${'\u00e9'.repeat(70_000)}",`),
    'the job is longer',
  ],
])('a job with %s is left to the next agent, by its very bytes', async (_, change, cause) => {
  const dialId = newDialId()
  const { client } = stage.redis
  const job = change(JSON.stringify(aspJob(dialId, { caller_number: '15550000486' })))
  await client.sadd('hookswitch:agents', DEAD)
  await client.rpush(`hookswitch:in-flight:{talkiq-asp.calls}:${DEAD}`, Buffer.from(job, 'latin1'))
  const channel = await stage.listen(dialId)
  await stage.agent().isReady
  if (cause === undefined) {
    await channel.next('hangup-event')
    expect(ringsOf(stage, dialId)).toHaveLength(1)
  } else {
    await until('a dead letter', async () => (await client.llen('talkiq-asp.calls:dead')) === 1)
    expect(JSON.parse((await client.lpop('talkiq-asp.calls:dead'))!).reason).toStartWith(cause)
    expect(ringsOf(stage, dialId)).toEqual([])
  }
  await nothingIsLeft(stage)
})

test('a job between claim and originate has an unknown outcome, and no phone rings', async () => {
  const dialId = newDialId()
  const text = JSON.stringify(aspJob(dialId))
  const { client } = stage.redis
  await client.sadd('hookswitch:agents', DEAD)
  await client.rpush(`hookswitch:in-flight:{talkiq-asp.calls}:${DEAD}`, text)
  await client.sadd(`hookswitch:owned:${DEAD}`, dialId)
  await client.hset(`hookswitch:call:{${dialId}}`, {
    ...{
      dialId,
      orgId: 'org',
      userId: 'user',
      fence: 1,
      steps: 0,
      owner: DEAD,
      kind: 'asp-call',
      job: text,
    },
    ...{
      list: 'talkiq-asp.calls',
      switch: `127.0.0.1:${stage.switch.port}`,
      core: stage.switch.coreUuid,
      side: '0',
    },
  })
  const channel = await stage.listen(dialId)
  await stage.agent().isReady
  expect(await channel.next('failure')).toEqual({ type: 'failure', cause: 'unknown outcome' })
  await until('a dead letter', async () => (await client.llen('talkiq-asp.calls:dead')) === 1)
  expect(JSON.parse((await client.lpop('talkiq-asp.calls:dead'))!).reason).toBe('unknown outcome')
  expect(ringsOf(stage, dialId)).toEqual([])
  await nothingIsLeft(stage)
})
