// A wait worker: the thread that holds PBX requests. It opens its own connections to Redis, listens on its inbox
// and hands everything to the wait room. All messages from and to the main thread come in batches.

import { openLog } from '../src/base/log.ts'
import { openErrorReports, reportUncaught } from '../src/errors/reports.ts'
import { openRedis } from '../src/redis/connect.ts'
import { openDevices } from '../src/redis/devices/devices.ts'
import { BEAT_MS, DEAF_AFTER_MS } from '../src/redis/selfTest.ts'
import { openSubscriber } from '../src/redis/subscriber.ts'
import { openWakes } from '../src/redis/wakes/wakes.ts'
import {
  createOutbox,
  type FromWaitWorker,
  openBatch,
  type ToWaitWorker,
  type WaitWorkerSettings,
} from '../src/wake/waitMessages.ts'
import { openWaitRoom } from '../src/wake/waitRoom.ts'

declare const self: Worker

/** Messages pass as JSON, which has no infinity. */
const FOREVER_MS = Number.MAX_SAFE_INTEGER

function open(settings: WaitWorkerSettings) {
  const errorReports = openErrorReports(settings.errorReports, 'wait')
  const log = openLog(settings.log, 'wait', errorReports?.report)
  if (errorReports) reportUncaught(errorReports, log)
  const send = createOutbox<FromWaitWorker>('chunk', batch => self.postMessage(batch))
  const commands = openRedis(settings.redis, 'commands', log)
  const subscriber = openSubscriber({
    connection: openRedis(settings.redis, 'subscriber', log),
    commands,
    log,
  })

  const room = openWaitRoom({
    wakes: openWakes(commands),
    devices: openDevices(commands, { devicesPerAccountMax: 0 }),
    inbox: settings.inbox,
    roundtripWaitMs: settings.roundtripWaitMs,
    resendIntervalMs: settings.resendIntervalMs,
    canHear: () => subscriber.deafForMs() < DEAF_AFTER_MS,
    send,
    clock: Date.now,
    log,
  })
  const inbox = subscriber.listen(settings.inbox, {
    onMessage: room.hear,
    onLost: onConnectionChange,
    onBack: onConnectionChange,
  })
  // Looking at what was missed takes both connections, and they come back in any order.
  for (const event of ['ready', 'close']) commands.on(event, onConnectionChange)

  function onConnectionChange(): void {
    reportHealth()
    if (isConnected()) room.catchUp()
  }

  function isConnected(): boolean {
    return subscriber.isWhole && commands.status === 'ready'
  }

  function reportHealth(): void {
    send({
      kind: 'health',
      deafForMs: isConnected() ? Math.min(FOREVER_MS, Math.round(subscriber.deafForMs())) : FOREVER_MS,
    })
  }

  void inbox.confirmed.then(() => {
    send({ kind: 'ready' })
    reportHealth()
  })
  const health = setInterval(reportHealth, BEAT_MS)

  return {
    obey: room.obey,
    close() {
      clearInterval(health)
      for (const event of ['ready', 'close']) commands.off(event, onConnectionChange)
      subscriber.close()
      commands.disconnect()
    },
  }
}

let opened: ReturnType<typeof open> | undefined

self.onmessage = (event: MessageEvent<string>) => {
  for (const message of openBatch<ToWaitWorker>(event)) {
    if (message.kind === 'open') opened = open(message.settings)
    else if (message.kind === 'close') {
      opened?.close()
      self.onmessage = null
    } else opened?.obey(message)
  }
}
