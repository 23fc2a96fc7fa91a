// The wait worker's program with a weakness: a call whose id begins with `crash` ends the thread, once its first push has
// been asked for. A wait that is handed over from a crashed worker does no harm, or the successor would crash too. While
// the file TEST_HOLD_BACK is there, a successor does not begin: its inbox has no listener.
import { existsSync } from 'node:fs'
import '../../workers/wait.ts'
import { type FromWaitWorker, openBatch, type ToWaitWorker } from '../../src/wake/waitMessages.ts'

declare const self: Worker

/** The thread still hands over what it has said. */
const FUSE_MS = 20

/** A successor's first message waits while the file is there, and the later ones behind it. */
async function mayBegin(): Promise<void> {
  while (existsSync(process.env.TEST_HOLD_BACK ?? '')) await Bun.sleep(10)
}
let begun: Promise<void> | undefined

/** Of waits whose first push ends the thread. */
const weak = new Set<string | number>()

const post = self.postMessage.bind(self)
self.postMessage = (batch: string) => {
  post(batch)
  const said = JSON.parse(batch) as FromWaitWorker[]
  if (said.some(message => message.kind === 'push' && weak.has(message.id)))
    setTimeout(() => {
      throw new Error('the wait worker crashes, as this test wants it')
    }, FUSE_MS)
}

const obey = self.onmessage!
self.onmessage = async (event: MessageEvent<string>) => {
  begun ??= mayBegin()
  await begun
  for (const message of openBatch<ToWaitWorker>(event))
    if (message.kind === 'wait' && !message.isResumed && message.callId.startsWith('crash'))
      weak.add(message.id)
  obey.call(self, event)
}
