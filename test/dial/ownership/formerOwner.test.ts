// An agent that does not know yet that it was taken for dead: its machine was suspended, and its lease looks fresh. What it
// finds in its socket may have been obeyed by its successor, so it rings nobody, and behind a marker it does nothing.
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { callKey, switchChannelKey } from '../../../src/redis/keys.ts'
import { parked } from '../scenes.ts'
import { botJob, type Channel, newDialId, openStage, SOUND, type Stage, until } from '../stage.ts'

let stage: Stage
beforeAll(async () => {
  stage = await openStage()
})
afterAll(() => stage.close())

/** The record names another owner. The agent that holds it is not told. */
const takeAway = async (key: string) => {
  await stage.redis.client.hincrby(key, 'fence', 1)
  await stage.redis.client.hset(key, 'owner', 'successor')
}

/** What the switch is told from now on. */
function commandsFrom(): () => string[] {
  const all = () => stage.switch.records(0, ['command']).map(each => ('command' in each ? each.command : ''))
  const before = all().length
  return () => all().slice(before)
}

const CAUSE = 'another agent took the call over meanwhile; whether it was obeyed is unknown'

async function callOf(agentName?: string): Promise<{ dialId: string; channel: Channel }> {
  await stage.agent(agentName === undefined ? {} : { agent: agentName }).isReady
  return parked(stage)
}

test('it rings no barger', async () => {
  const { dialId, channel } = await callOf()
  await takeAway(callKey(dialId))
  const told = commandsFrom()
  const answer = await channel.order({ type: 'barge', phone_number: '15550000008', caller_id: '15550000009' })
  expect(answer).toMatchObject({ type: 'failure', event: 'barge', cause: CAUSE })
  expect(told().filter(each => each.includes('originate'))).toEqual([])
})

test('it dials no bot-call of the switch’s channel', async () => {
  const { coreUuid } = stage.switch
  const key = switchChannelKey(coreUuid)
  await until('it is held', async () => (await stage.redis.client.exists(key)) === 1)
  const core = await stage.listen(coreUuid)
  await takeAway(key)
  const told = commandsFrom()
  const dialId = newDialId()
  const call = await stage.listen(dialId)
  expect(await core.order(botJob(dialId))).toMatchObject({ type: 'failure', event: 'bot-call', cause: CAUSE })
  expect(told().filter(each => each.includes('originate'))).toEqual([])
  expect(call.heard).toEqual([])
})

test.each([
  ['play', { path: SOUND }],
  ['start-background', { path: SOUND }],
  ['stop-playback', {}],
  ['hangup', {}],
])('behind a marker it obeys no %s', async (type, fields) => {
  const { dialId, channel } = await callOf()
  const { client } = stage.redis
  await takeAway(callKey(dialId))
  const told = commandsFrom()
  const text = JSON.stringify({ type, ...fields, command_id: 'behind' })
  await client
    .pipeline()
    .publish(dialId, JSON.stringify({ type: 'handover-event', agent: 'successor' }))
    .publish(dialId, text)
    .exec()
  const answer = await channel.next(each => each.command_id === 'behind' && each.type === 'failure')
  expect(answer).toMatchObject({ event: type, cause: CAUSE })
  expect(told()).toEqual([])
})
