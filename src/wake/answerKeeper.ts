// Writes down what waits have learned of their devices' time to answer: one command for each device that answered, behind
// the PBX's answer, and nobody waits for it. A history that is lost costs a few pushes, so it is not tried again. In a flood
// of answers a part of them is kept: which one has nothing to do with how long its phone took, so a history stays true, and
// learning costs a wake nothing.
import { createBatch } from '../base/batch.ts'
import type { Log } from '../base/log.ts'
import { messageOf } from '../base/result.ts'
import { type Clock, MS_PER_SECOND } from '../base/units.ts'
import type { DeviceStore } from '../redis/devices/devices.ts'
import { writeHistory } from './answerHistory.ts'
import type { Learned } from './pushSchedule.ts'
import type { WaitOrder } from './waitMessages.ts'

/** Histories that one worker thread writes in a second. Each costs Redis some 18 us and the thread 10. */
export const KEPT_A_SECOND_MAX = 50

export interface AnswerKeeperOptions {
  devices: Pick<DeviceStore, 'learned'>
  clock: Clock
  log: Log
}

export function createAnswerKeeper({ devices, clock, log }: AnswerKeeperOptions) {
  let second = 0
  let kept = 0

  // In the next turn: by then the worker has posted the wait's outcome.
  const later = createBatch<() => void>('turn', all => {
    for (const write of all) write()
  })

  function mayKeep(): boolean {
    const now = Math.floor(clock() / MS_PER_SECOND)
    if (now !== second) kept = 0
    second = now
    kept += 1
    return kept <= KEPT_A_SECOND_MAX
  }

  /** Keeps a device's new history. Never rejects. */
  return ({ account, callId }: WaitOrder, { device, answers }: Learned): void => {
    if (!mayKeep()) return
    later(() => {
      devices
        .learned(account, device.id, writeHistory(answers))
        .catch(thrown =>
          log.debug({ callId, reason: messageOf(thrown) }, 'a phone’s time to answer was not kept'),
        )
    })
  }
}
