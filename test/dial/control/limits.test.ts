// What control messages may cost: bargers up to a limit, and one count for all types that nobody knows.
import { expect, test } from 'bun:test'
import { openLines, ready, stage } from '../ownership/lines.ts'
import { legOf, nothingIsLeft, parked, talk } from '../scenes.ts'

openLines()

test('messages of types that nobody knows are counted as one', async () => {
  const agent = await ready(stage.agent())
  const { channel } = await parked(stage)
  for (const type of ['whatever', 'x'.repeat(100), 'hangup\u0000']) await channel.order({ type })
  await channel.order({ type: 'hangup' })
  await nothingIsLeft(stage)
  const counted = [...agent.counts].filter(([name]) => name.startsWith('controls'))
  expect(counted).toEqual([
    ['controls unknown', 3],
    ['controls hangup', 1],
  ])
})

test('a barger beyond BARGERS_MAX rings no phone, and may when another has left', async () => {
  await ready(stage.agent({ bargersMax: 2 }))
  const { channel } = await talk(stage)
  const barge = (phone: string) => channel.order({ type: 'barge', phone_number: phone, caller_id: '1' })
  const first = await barge('15550000011')
  expect((await barge('15550000012')).type).toBe('ack')
  expect(await barge('15550000013')).toMatchObject({
    type: 'failure',
    cause: 'the call has 2 bargers (BARGERS_MAX)',
  })
  expect(legOf(stage, '15550000013')).toBeUndefined()
  await channel.order({ type: 'hangup', barge_id: first.barge_id })
  await channel.next(each => each.state === 'ended')
  expect((await barge('15550000013')).type).toBe('ack')
  await channel.order({ type: 'hangup' })
  await nothingIsLeft(stage)
})
