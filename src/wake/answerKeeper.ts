// Writes down what waits have learned of their devices' time to answer: one command for each device that answered, behind
// the PBX's answer, and nobody waits for it. A history that is lost costs a few pushes, so it is not tried again.
import { createBatch } from '../base/batch.ts'
import type { Log } from '../base/log.ts'
import { messageOf } from '../base/result.ts'
import type { DeviceStore } from '../redis/devices/devices.ts'
import { writeHistory } from './answerHistory.ts'
import type { Learned } from './pushSchedule.ts'
import type { WaitOrder } from './waitMessages.ts'

export function createAnswerKeeper(devices: Pick<DeviceStore, 'learned'>, log: Log) {
  // In the next turn: by then the worker has posted the wait's outcome.
  const later = createBatch<() => void>('turn', all => {
    for (const write of all) write()
  })

  /** Keeps a device's new history. Never rejects. */
  return ({ account, callId }: WaitOrder, { device, answers }: Learned): void =>
    later(() => {
      devices
        .learned(account, device.id, writeHistory(answers))
        .catch(thrown =>
          log.debug({ callId, reason: messageOf(thrown) }, 'a phone’s time to answer was not kept'),
        )
    })
}
