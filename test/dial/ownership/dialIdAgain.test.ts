// When a dial id is free again, and that nothing of its earlier call reaches its next one.
import { expect, test } from 'bun:test'
import { legOf, nothingIsLeft, parked } from '../scenes.ts'
import { aspJob, botJob, leftovers, newDialId, until } from '../stage.ts'
import { endsIn, openLines, ready, stage, switchLine } from './lines.ts'

openLines()

test('a dial id may be used again by whoever hears its call’s last event', async () => {
  await ready(stage.agent())
  const dialId = newDialId()
  const channel = await stage.listen(dialId)
  for (const job of [aspJob(dialId), botJob(dialId)])
    for (let times = 0; times < 10; times++) {
      await stage.push(job)
      const sides = job.type === 'asp-call' ? ['0', '1'] : ['0']
      for (const side of sides) await channel.next(each => each.type === 'answer-event' && each.side === side)
      stage.switch.hangup(stage.switch.channels()[0]!.uuid)
      for (const _ of sides) await channel.next('hangup-event')
    }
  expect(channel.heard.filter(each => each.type === 'failure')).toEqual([])
  expect(channel.heard.filter(each => each.type === 'call-start')).toHaveLength(20)
})

test('so may that of a call whose last event is a barger’s', async () => {
  await ready(stage.agent())
  const { dialId, channel } = await parked(stage)
  await channel.order({ type: 'barge', phone_number: '15550000004', caller_id: '15550000009' })
  await channel.next(each => each.type === 'barge-event' && each.state === 'answered')
  // The switch ends the barger behind it, and is done with the call a moment later.
  stage.switch.hangup(legOf(stage, '15550000003')!.uuid)
  await channel.next('hangup-event')
  await channel.next(each => each.type === 'barge-event' && each.state === 'ended')
  expect(await stage.redis.client.keys(`hookswitch:call:*${dialId}*`)).toEqual([])
  await nothingIsLeft(stage)
})

test('what an agent hears late of an earlier call does not end the next one of that dial id', async () => {
  // Each of them takes its own list, so that it is known who dials.
  await ready(stage.agent({ jobLists: ['talkiq-asp.calls'] }))
  await ready(
    stage.agent({
      jobLists: ['talkiq-bot.calls'],
      switch: { name: 'by another line', host: '127.0.0.1', port: switchLine.port, password: 'ClueCon' },
    }),
  )
  const dialId = newDialId()
  const channel = await stage.listen(dialId)
  switchLine.set('stalled')
  await stage.push(aspJob(dialId), 'talkiq-asp.calls')
  await channel.next(each => each.type === 'answer-event' && each.side === '1')
  await channel.order({ type: 'hangup' })
  for (const _ of ['0', '1']) await channel.next('hangup-event')
  await stage.push(aspJob(dialId), 'talkiq-bot.calls')
  await until('it is claimed', async () => (await leftovers(stage)).includes(`hookswitch:call:{${dialId}}`))
  switchLine.set('open')
  for (const side of ['0', '1'])
    await channel.next(each => each.type === 'answer-event' && each.side === side)
  expect(endsIn(channel)).toHaveLength(2)
  expect(await channel.order({ type: 'hangup' })).toEqual({ type: 'ack', event: 'hangup' })
  await nothingIsLeft(stage)
})
