// A wait worker's inside: it opens its own connections to Redis, listens on its inbox and hands everything to the wait room.
// The thread around it, and how messages come and go, is not known here.
import type { Log } from '../base/log.ts'
import { openRedis } from '../redis/connect.ts'
import { openDevices } from '../redis/devices/devices.ts'
import { BEAT_MS, DEAF_AFTER_MS } from '../redis/selfTest.ts'
import { openSubscriber } from '../redis/subscriber.ts'
import { openWakes } from '../redis/wakes/wakes.ts'
import type { FromWaitWorker, WaitWorkerSettings } from './waitMessages.ts'
import { openWaitRoom } from './waitRoom.ts'

/** Messages pass as JSON, which has no infinity. */
const FOREVER_MS = Number.MAX_SAFE_INTEGER

export type WaitWorker = ReturnType<typeof openWaitWorker>

/** @param send takes what the main thread is told. */
export function openWaitWorker(
  settings: WaitWorkerSettings,
  { send, log }: { send: (message: FromWaitWorker) => void; log: Log },
) {
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
