// The devices of each account: one HASH an account, one field a slot. Registration, removal and "seen" are one
// atomic step each. The answer to "whom do we push?" is one read. No push is sent from here.
import { createHash } from 'node:crypto'
import type { Platform } from '../../push/push.ts'
import type { RedisConnection } from '../connect.ts'
import { devicesKey } from '../keys.ts'
import { bindScript, reachable } from '../scripts.ts'
import deviceRegisterLua from './deviceRegister.lua' with { type: 'text' }
import deviceRemoveLua from './deviceRemove.lua' with { type: 'text' }
import deviceSeenLua from './deviceSeen.lua' with { type: 'text' }

/** An app install that can be woken. Times are milliseconds since the epoch. */
export interface Device {
  /** The id the app gave, or one derived from its push token: what the confirmation token names. */
  id: string
  platform: Platform
  app: string
  token: string
  isSandbox: boolean
  name?: string
  osVersion?: string
  clientVersion?: string
  remoteLoggingId?: string
  /** Pushed once for each call, not again: the app said so. */
  pushProfile?: 'once'
  /** Not to be disturbed: not pushed. */
  isDnd?: true
  /** Apple's token for alerts, where messages go. A secret, like `token`. */
  alertToken?: string
  registeredAtMs: number
  lastSeenMs: number
}

/** What an app sends to register. */
export type Registration = Omit<Device, 'id' | 'registeredAtMs' | 'lastSeenMs'> & { deviceId?: string }

/** `former` held the slot before; `evicted` had to leave because the account was full. */
export interface Registered {
  device: Device
  former?: Device
  evicted?: Device
}

export type DeviceStore = ReturnType<typeof openDevices>

/** The slot of a device without an id. `device_id`s can't collide with it: they are not empty. */
const LEGACY_SLOT = ''

/** @throws RedisUnavailable from every method. */
export function openDevices(redis: RedisConnection, settings: { devicesPerAccountMax: number }) {
  const registerScript = bindScript(redis, 'deviceRegister', deviceRegisterLua)
  const removeScript = bindScript(redis, 'deviceRemove', deviceRemoveLua)
  const seenScript = bindScript(redis, 'deviceSeen', deviceSeenLua)

  return {
    /** All devices of an account; empty when it has none. */
    async list(account: string): Promise<Device[]> {
      const found = await reachable(redis.hvals(devicesKey(account)))
      return found.map(readDevice)
    },

    async register(account: string, registration: Registration, nowMs: number): Promise<Registered> {
      const { deviceId, ...rest } = registration
      const device: Device = {
        id: deviceId ?? idOfToken(registration.token),
        ...rest,
        registeredAtMs: nowMs,
        lastSeenMs: nowMs,
      }
      const [former, evicted] = (await registerScript(
        [devicesKey(account)],
        [deviceId ?? LEGACY_SLOT, JSON.stringify(device), settings.devicesPerAccountMax],
      )) as [string, string]
      return {
        device,
        ...(former === '' ? {} : { former: readDevice(former) }),
        ...(evicted === '' ? {} : { evicted: readDevice(evicted) }),
      }
    },

    /** The app signs off. @returns false when no device of the account holds that token. */
    async remove(account: string, which: Pick<Device, 'token' | 'platform' | 'app'>): Promise<boolean> {
      const removed = await removeScript([devicesKey(account)], [which.token, which.platform, which.app, ''])
      return Number(removed) > 0
    },

    /** The vendor says the token is gone. A device that registered again after `sinceMs` is kept. */
    async forget(account: string, token: string, sinceMs: number): Promise<boolean> {
      return Number(await removeScript([devicesKey(account)], [token, '', '', sinceMs])) > 0
    },

    /** @returns false when the account has no such device. Without `deviceId` all of the account's are seen. */
    async seen(account: string, nowMs: number, deviceId?: string): Promise<boolean> {
      return Number(await seenScript([devicesKey(account)], [nowMs, deviceId ?? ''])) > 0
    },
  }
}

/** A stable name for a device that gave none. The token itself is a secret and must not stand in a JWT. */
export function idOfToken(token: string): string {
  return `t-${createHash('sha256').update(token).digest('hex').slice(0, 16)}`
}

/** A device as its slot keeps it. */
export const readDevice = (json: string): Device => JSON.parse(json) as Device
