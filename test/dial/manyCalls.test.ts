// A thousand jobs at once, four agents on two switches: each is dialled exactly once, every call's messages are
// complete and in order, and nothing is left at the end.
import { expect, test } from 'bun:test'
import { openValve } from '../chaos/valve.ts'
import { startTestSwitch } from '../switch/testSwitch.ts'
import { aspJob, botJob, type Heard, leftovers, openStage, type Stage, until } from './stage.ts'

const JOBS = 1_000

test('a thousand jobs at once become a thousand whole calls', async () => {
  const stage = await openStage({ switch: { answerAfterMs: 5 } })
  const second = await startTestSwitch({ msPerSecond: 100, answerAfterMs: 5 })
  const elsewhere = { switch: { name: 'second', host: '127.0.0.1', port: second.port, password: 'ClueCon' } }
  const agents = [stage.agent(), stage.agent(), stage.agent(elsewhere), stage.agent(elsewhere)]
  await Promise.all(agents.map(agent => agent.isReady))

  const { heard, subscriber } = await hearAll(stage)

  // The callee hangs up by itself, a second (of the switch) after its answer.
  const jobs = Array.from({ length: JOBS }, (_, index) =>
    JSON.stringify(aspJob(`many-${index}`, { callee_number: '15550000777', user_id: `user-${index % 50}` })),
  )
  await stage.redis.client.rpush('talkiq-asp.calls', ...jobs)

  const isOver = (messages: Heard[]) => messages.filter(each => each.type === 'hangup-event').length === 2
  const endsAtMs = performance.now() + PATIENCE_MS
  while ([...heard.values()].filter(isOver).length < JOBS && performance.now() < endsAtMs) await Bun.sleep(50)

  const wrong = [...heard].filter(([dialId, messages]) => {
    const told = messages.map(each => `${each.type} ${each.side ?? each.dial_id}`)
    return told.join() !== `call-start ${dialId},answer-event 0,answer-event 1,hangup-event 1,hangup-event 0`
  })
  expect(wrong).toEqual([])
  expect(heard.size).toBe(JOBS)
  const originates = [...stage.switch.records(0, ['originate']), ...second.records(0, ['originate'])]
  expect(originates).toHaveLength(JOBS)
  // Four agents compete: none has all, and every switch has some.
  expect(second.records(0, ['originate']).length).toBeGreaterThan(JOBS / 10)
  expect(stage.switch.injections).toEqual([])
  await until('nothing is left', async () => (await leftovers(stage)).length === 0, PATIENCE_MS)

  subscriber.disconnect()
  await stage.close()
  await second.close()
}, 120_000)

const TAKEN_OVER = 600
const PUSHED_MEANWHILE = 60

test('six hundred calls taken over from a slow switch cost no job, and each of them is looked up', async () => {
  const stage = await openStage({ switch: { answerAfterMs: 5 } })
  const line = await openValve(stage.redis.port)
  const first = stage.agent({
    redis: { url: `redis://127.0.0.1:${line.port}`, connectTimeoutMs: 1_000 },
    jobLists: ['talkiq-bot.calls'],
  })
  await first.isReady
  const { told, subscriber } = await hearAll(stage)
  const jobs = (name: string, count: number) =>
    Array.from({ length: count }, (_, index) => JSON.stringify(botJob(`many-${name}-${index}`)))
  await stage.redis.client.rpush('talkiq-bot.calls', ...jobs('up', TAKEN_OVER))
  await until('all are up', () => told('answer-event') === TAKEN_OVER, PATIENCE_MS)
  // One after the other, as FreeSWITCH does.
  stage.switch.set({ replyDelayMs: 2 })
  const second = stage.agent({ jobLists: ['talkiq-bot.calls'] })
  await second.isReady
  line.set('stalled')
  await until('the takeover has begun', () => told('handover-event') > 0, PATIENCE_MS)
  await stage.redis.client.rpush('talkiq-bot.calls', ...jobs('new', PUSHED_MEANWHILE))
  await until('all jobs are calls', () => told('answer-event') === TAKEN_OVER + PUSHED_MEANWHILE, PATIENCE_MS)
  await until('all are taken over', () => told('handover-event') === TAKEN_OVER, PATIENCE_MS)
  const lookedUp = () =>
    stage.switch
      .records(0, ['command'])
      .filter(each => 'command' in each && each.command.includes('uuid_dump'))
  await until('all are looked up', () => lookedUp().length >= TAKEN_OVER, PATIENCE_MS)
  for (const each of stage.switch.channels()) stage.switch.hangup(each.uuid)
  await until('all ends are told', () => told('hangup-event') === TAKEN_OVER + PUSHED_MEANWHILE, PATIENCE_MS)
  expect(told('failure')).toBe(0)
  line.set('open')
  await until('the first one has heard of its death', () => first.isDeclaredDead, PATIENCE_MS)
  await until('nothing is left', async () => (await leftovers(stage)).length === 0, PATIENCE_MS)
  subscriber.disconnect()
  await stage.close()
  line.close()
}, 120_000)

const PATIENCE_MS = 50_000

async function hearAll(stage: Stage) {
  const heard = new Map<string, Heard[]>()
  const counts = new Map<string, number>()
  const subscriber = stage.redis.client.duplicate()
  subscriber.on('pmessage', (_pattern: string, dialId: string, text: string) => {
    const message = JSON.parse(text) as Heard
    heard.set(dialId, [...(heard.get(dialId) ?? []), message])
    counts.set(message.type, (counts.get(message.type) ?? 0) + 1)
  })
  await subscriber.psubscribe('many-*')
  return { heard, told: (type: string) => counts.get(type) ?? 0, subscriber }
}
