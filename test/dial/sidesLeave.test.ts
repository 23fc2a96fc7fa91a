// One side of a call leaves, by hanging up or by a transfer: what becomes of the other side, and what the agent says of it.
import { describe, expect, test } from 'bun:test'
import { EslProbe } from '../switch/eslProbe.ts'
import { commands, endsIn, legOf, nothingIsLeft, openLines, ready, stage, talk } from './ownership/lines.ts'
import { SOUND, until } from './stage.ts'

openLines()

describe('a side that leaves', () => {
  test('while a file plays to both does not keep the other', async () => {
    await ready(stage.agent())
    const { channel } = await talk()
    expect(await channel.order({ type: 'play', path: SOUND })).toEqual({ type: 'ack', event: 'play' })
    stage.switch.hangup(legOf('15550000002')!.uuid)
    await channel.next(each => each.type === 'hangup-event' && each.side === '0')
    expect(commands().some(each => each.includes('uuid_break'))).toBe(true)
    await nothingIsLeft()
  })

  for (const cause of ['BLIND_TRANSFER', 'ATTENDED_TRANSFER'])
    test.each([
      ['the callee', '15550000001', '15550000002'],
      ['the caller', '15550000002', '15550000001'],
    ])(`by ${cause} sends %s elsewhere, who lives on`, async (_who, leaving, staying) => {
      await ready(stage.agent())
      const { channel } = await talk()
      // Both have answered a moment before they are bridged; a leg that is not yet has no "after the bridge".
      await until('the two talk', () => legOf(staying)?.bridgedTo !== undefined)
      const probe = await EslProbe.listen(stage.switch.port, '')
      // The switch's dialplan has it from then on.
      await probe.api(`uuid_setvar ${legOf(staying)!.uuid} park_after_bridge true`)
      stage.switch.hangup(legOf(leaving)!.uuid, cause)
      await channel.next('hangup-event')
      await channel.next('hangup-event')
      expect(endsIn(channel).map(each => each.cause)).toEqual([cause, cause])
      await nothingIsLeft()
      // An answer to this stands behind whatever the agent has ordered.
      await probe.api('status')
      probe.close()
      expect(legOf(staying)).toBeDefined()
      expect(commands().filter(each => each.includes('uuid_kill'))).toEqual([])
    })
})

test('a call whose hang-up was lost is found by comparing it with the switch', async () => {
  await ready(stage.agent({ compareMs: 200 }))
  const { channel } = await talk()
  stage.switch.set({ loseHangups: true })
  stage.switch.hangup(legOf('15550000001')!.uuid)
  await channel.next('hangup-event')
  await channel.next('hangup-event')
  await nothingIsLeft()
})
