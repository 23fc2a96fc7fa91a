// The thread of a wait worker: all messages from and to the main thread come in batches.

import { openLog } from '../src/base/log.ts'
import { openErrorReports, reportUncaught } from '../src/errors/reports.ts'
import {
  createOutbox,
  type FromWaitWorker,
  openBatch,
  type ToWaitWorker,
  type WaitWorkerSettings,
} from '../src/wake/waitMessages.ts'
import { openWaitWorker, type WaitWorker } from '../src/wake/waitWorker.ts'

declare const self: Worker

function open(settings: WaitWorkerSettings): WaitWorker {
  const errorReports = openErrorReports(settings.errorReports, 'wait')
  const log = openLog(settings.log, 'wait', errorReports?.report)
  if (errorReports) reportUncaught(errorReports, log)
  const send = createOutbox<FromWaitWorker>('chunk', batch => self.postMessage(batch))
  return openWaitWorker(settings, { send, log })
}

let opened: WaitWorker | undefined

self.onmessage = (event: MessageEvent<string>) => {
  for (const message of openBatch<ToWaitWorker>(event)) {
    if (message.kind === 'open') opened = open(message.settings)
    else if (message.kind === 'close') {
      opened?.close()
      self.onmessage = null
    } else opened?.obey(message)
  }
}
