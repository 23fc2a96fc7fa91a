// An app registers its device, signs off, or says that it is still there. One atomic step in Redis each; when
// another phone takes over an account's only slot, the phone that loses it is told by a push.
import type { Log } from '../base/log.ts'
import type { Metrics } from '../base/metrics.ts'
import type { Clock } from '../base/units.ts'
import type { Platform } from '../push/push.ts'
import type { Device, DeviceStore, Registration } from '../redis/devices/devices.ts'
import type { Push } from './devicePush.ts'

export interface RegistrationDeskOptions {
  devices: DeviceStore
  /** Whether pushes to this app can be sent at all: it stands in APPS_FILE, or there is no such file. */
  knowsApp: (app: string, platform: Platform) => boolean
  push: Push
  metrics: Metrics
  clock: Clock
  log: Log
}

/** The replaced phone's push may take this long, retries included; nobody waits for it. */
const MESSAGE_TIMEOUT_MS = 30_000

/** Published apps look for the words that it begins with. */
const REPLACED_MESSAGE =
  'An other device has registered for the same account. Calls no longer reach this one.'

export type RegistrationDesk = ReturnType<typeof openRegistrationDesk>

/** @throws RedisUnavailable from every method. */
export function openRegistrationDesk(options: RegistrationDeskOptions) {
  const { devices, metrics, clock, log } = options

  function tellReplaced(account: string, device: Device): void {
    log.info({ account, platform: device.platform }, 'another phone registered; the former one is told')
    void options.push(
      device,
      { type: 'message', message: REPLACED_MESSAGE },
      AbortSignal.timeout(MESSAGE_TIMEOUT_MS),
    )
  }

  return {
    async register(
      account: string,
      registration: Registration,
    ): Promise<'created' | 'updated' | 'unknown-app'> {
      const { app, platform } = registration
      if (!options.knowsApp(app, platform)) {
        metrics.registrations.inc({ platform, result: 'unknown-app' })
        return 'unknown-app'
      }
      const { device, former, evicted } = await devices.register(account, registration, clock())
      // The phones' names do not show whether it is the same phone: most iPhones are called "iPhone". If it is the same
      // one with a renewed token, this push reaches nobody.
      if (former && registration.deviceId === undefined && former.token !== device.token)
        tellReplaced(account, former)
      if (evicted) tellReplaced(account, evicted)
      const result = former ? 'updated' : 'created'
      metrics.registrations.inc({ platform, result })
      log.info({ account, platform, app, result }, 'device registered')
      return result
    },

    /** @returns false when the account has no such device. */
    async remove(account: string, which: Pick<Device, 'token' | 'platform' | 'app'>): Promise<boolean> {
      const isRemoved = await devices.remove(account, which)
      if (isRemoved) log.info({ account, platform: which.platform }, 'device signed off')
      return isRemoved
    },

    /** @returns false when the account has no device. */
    seen: (account: string, deviceId?: string): Promise<boolean> => devices.seen(account, clock(), deviceId),
  }
}
