// The wait worker's program with a weakness: a call whose id begins with `crash` ends the thread, once its wait is
// held. A wait that is handed over from a crashed worker does no harm, or the successor would crash too. While the file
// TEST_HOLD_BACK is there, a successor does not begin: its inbox has no listener.
import { existsSync } from 'node:fs'
import '../../workers/wait.ts'
import { openBatch, type ToWaitWorker } from '../../src/wake/waitMessages.ts'

declare const self: Worker

/** Long enough for the worker to have begun the wait and asked for the push. */
const FUSE_MS = 100

/** A successor's first message waits while the file is there, and the later ones behind it. */
async function mayBegin(): Promise<void> {
  while (existsSync(process.env.TEST_HOLD_BACK ?? '')) await Bun.sleep(10)
}
let begun: Promise<void> | undefined

const obey = self.onmessage!
self.onmessage = async (event: MessageEvent<string>) => {
  begun ??= mayBegin()
  await begun
  for (const message of openBatch<ToWaitWorker>(event)) {
    if (message.kind !== 'wait' || message.isResumed || !message.callId.startsWith('crash')) continue
    setTimeout(() => {
      throw new Error('the wait worker crashes, as this test wants it')
    }, FUSE_MS)
  }
  obey.call(self, event)
}
