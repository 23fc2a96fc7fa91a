// A thousand jobs at once, four agents on two switches: each is dialled exactly once, every call's messages are
// complete and in order, and nothing is left at the end.
import { expect, test } from 'bun:test'
import { startTestSwitch } from '../switch/testSwitch.ts'
import { aspJob, type Heard, leftovers, openStage, until } from './stage.ts'

const JOBS = 1_000

test('a thousand jobs at once become a thousand whole calls', async () => {
  const stage = await openStage({ switch: { answerAfterMs: 5 } })
  const second = await startTestSwitch({ msPerSecond: 100, answerAfterMs: 5 })
  const elsewhere = { switch: { name: 'second', host: '127.0.0.1', port: second.port, password: 'ClueCon' } }
  const agents = [stage.agent(), stage.agent(), stage.agent(elsewhere), stage.agent(elsewhere)]
  await Promise.all(agents.map(agent => agent.isReady))

  const heard = new Map<string, Heard[]>()
  const subscriber = stage.redis.client.duplicate()
  subscriber.on('pmessage', (_pattern: string, dialId: string, text: string) => {
    heard.set(dialId, [...(heard.get(dialId) ?? []), JSON.parse(text) as Heard])
  })
  await subscriber.psubscribe('many-*')

  // The callee hangs up by itself, a second (of the switch) after its answer.
  const jobs = Array.from({ length: JOBS }, (_, index) =>
    JSON.stringify(aspJob(`many-${index}`, { callee_number: '15550000777', user_id: `user-${index % 50}` })),
  )
  await stage.redis.client.rpush('talkiq-asp.calls', ...jobs)

  const isOver = (messages: Heard[]) => messages.filter(each => each.type === 'hangup-event').length === 2
  const endsAtMs = Date.now() + 25_000
  while ([...heard.values()].filter(isOver).length < JOBS && Date.now() < endsAtMs) await Bun.sleep(50)

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
  await until('nothing is left', async () => (await leftovers(stage)).length === 0)

  subscriber.disconnect()
  await stage.close()
  await second.close()
}, 60_000)
