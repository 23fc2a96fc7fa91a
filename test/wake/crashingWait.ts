// The wait worker's program with a weakness: a call whose id begins with `crash` ends the thread, once its wait is
// held. A wait that is handed over from a crashed worker does no harm, or the successor would crash too.
import '../../workers/wait.ts'
import { openBatch, type ToWaitWorker } from '../../src/wake/waitMessages.ts'

declare const self: Worker

/** Long enough for the worker to have begun the wait and asked for the push. */
const FUSE_MS = 100

const obey = self.onmessage!
self.onmessage = (event: MessageEvent<string>) => {
  for (const message of openBatch<ToWaitWorker>(event)) {
    if (message.kind !== 'wait' || message.isResumed || !message.callId.startsWith('crash')) continue
    setTimeout(() => {
      throw new Error('the wait worker crashes, as this test wants it')
    }, FUSE_MS)
  }
  obey.call(self, event)
}
