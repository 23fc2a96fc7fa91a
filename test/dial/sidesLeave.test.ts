// One side of a call leaves, by hanging up or by a transfer: what becomes of the other side, and what the agent says of it.
import { describe, expect, test } from 'bun:test'
import { EslProbe } from '../switch/eslProbe.ts'
import { commands, endsIn, openLines, ready, stage } from './ownership/lines.ts'
import { legOf, nothingIsLeft, talk } from './scenes.ts'
import { SOUND, until } from './stage.ts'

openLines()

describe('a side that leaves', () => {
  test('while a file plays to both does not keep the other', async () => {
    await ready(stage.agent())
    const { channel } = await talk(stage)
    expect(await channel.order({ type: 'play', path: SOUND })).toEqual({ type: 'ack', event: 'play' })
    stage.switch.hangup(legOf(stage, '15550000002')!.uuid)
    await channel.next(each => each.type === 'hangup-event' && each.side === '0')
    expect(commands().some(each => each.includes('uuid_break'))).toBe(true)
    await nothingIsLeft(stage)
  })

  for (const cause of ['BLIND_TRANSFER', 'ATTENDED_TRANSFER'])
    test.each([
      ['the callee', '15550000001', '15550000002'],
      ['the caller', '15550000002', '15550000001'],
    ])(`by ${cause} sends %s elsewhere, who lives on`, async (_who, leaving, staying) => {
      await ready(stage.agent())
      const { channel } = await talk(stage)
      // Both have answered a moment before they are bridged; a leg that is not yet has no "after the bridge".
      await until('the two talk', () => legOf(stage, staying)?.bridgedTo !== undefined)
      const probe = await EslProbe.listen(stage.switch.port, '')
      // The switch's dialplan has it from then on.
      await probe.api(`uuid_setvar ${legOf(stage, staying)!.uuid} park_after_bridge true`)
      stage.switch.hangup(legOf(stage, leaving)!.uuid, cause)
      await channel.next('hangup-event')
      await channel.next('hangup-event')
      expect(endsIn(channel).map(each => each.cause)).toEqual([cause, cause])
      await nothingIsLeft(stage)
      // An answer to this stands behind whatever the agent has ordered.
      await probe.api('status')
      probe.close()
      expect(legOf(stage, staying)).toBeDefined()
      expect(commands().filter(each => each.includes('uuid_kill'))).toEqual([])
    })
})

test('a call whose hang-up was lost is found by comparing it with the switch', async () => {
  await ready(stage.agent({ compareMs: 200 }))
  const { channel } = await talk(stage)
  stage.switch.set({ loseHangups: true })
  stage.switch.hangup(legOf(stage, '15550000001')!.uuid)
  await channel.next('hangup-event')
  await channel.next('hangup-event')
  await nothingIsLeft(stage)
})
