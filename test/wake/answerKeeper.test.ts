// How many histories a worker writes when answers come in a flood.
import { expect, test } from 'bun:test'
import pino from 'pino'
import type { Device } from '../../src/redis/devices/devices.ts'
import { readHistory } from '../../src/wake/answerHistory.ts'
import { createAnswerKeeper, KEPT_A_SECOND_MAX } from '../../src/wake/answerKeeper.ts'
import type { WaitOrder } from '../../src/wake/waitMessages.ts'

const MANY = 4 * KEPT_A_SECOND_MAX

test('a part of a flood of answers is kept, and the next second begins anew', async () => {
  const written: string[] = []
  let nowMs = 1_000_000
  const keep = createAnswerKeeper({
    devices: {
      learned: async (_account, deviceId) => {
        written.push(deviceId)
        return true
      },
    },
    clock: () => nowMs,
    log: pino({ enabled: false }),
  })
  const order = { account: '1000', callId: 'call-1' } as WaitOrder
  const answers = readHistory(undefined) ?? { misses: 0, counts: [] }
  const flood = (name: string) => {
    for (let index = 0; index < MANY; index++)
      keep(order, { device: { id: `${name}-${index}` } as Device, answers })
  }
  flood('first')
  await new Promise(setImmediate)
  expect(written).toHaveLength(KEPT_A_SECOND_MAX)
  nowMs += 1_000
  flood('second')
  await new Promise(setImmediate)
  expect(written.filter(id => id.startsWith('second'))).toHaveLength(KEPT_A_SECOND_MAX)
})
