// The devices of each account: one HASH an account, one field a slot. Registration, removal and "seen" are one
// atomic step each. The answer to "whom do we push?" is one read. No push is sent from here. Devices come in two ways: an
// app registers by HTTP and stays until it signs off; a phone registers by SIP (RFC 8599) and is kept for a time.
import { createHash } from 'node:crypto'
import type { Clock } from '../../base/units.ts'
import type { Platform } from '../../push/push.ts'
import type { RedisConnection } from '../connect.ts'
import { devicesKey, pushedKey } from '../keys.ts'
import { bindScript, reachable } from '../scripts.ts'
import deviceAnswersLua from './deviceAnswers.lua' with { type: 'text' }
import deviceLearnedLua from './deviceLearned.lua' with { type: 'text' }
import deviceRegisterLua from './deviceRegister.lua' with { type: 'text' }
import deviceRemoveLua from './deviceRemove.lua' with { type: 'text' }
import deviceSeenLua from './deviceSeen.lua' with { type: 'text' }
import deviceSipRegisterLua from './deviceSipRegister.lua' with { type: 'text' }
import deviceSipRemoveLua from './deviceSipRemove.lua' with { type: 'text' }

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
  /** Registered by SIP: where, and until when it is a device unless it registers again. Such a device confirms a wake
   *  by registering. */
  sip?: { from: string; expiresAtMs: number }
  keptUntilMs?: number
  /** How long it takes to answer, in the words of `wake/answerHistory.ts`. None: it is not known, or an older version has
   *  written the record. */
  answers?: string
  registeredAtMs: number
  lastSeenMs: number
}

/** A phone that registered by SIP. */
export interface SipRegistration {
  device: Omit<Device, 'id' | 'answers' | 'registeredAtMs' | 'lastSeenMs'> & { keptUntilMs: number }
  nowMs: number
  /** It registered some time before: a device that is there already stays as it is. */
  isOld: boolean
}

/** A wake that waits and that pushed a phone: what a REGISTER of that phone confirms. */
export interface PushedWake {
  record: string
  /** The wake's name (see uniqueKeys.ts): a later wake of the same call id is another. */
  name: number
  pushedAtMs: number
}

/** What an app sends to register. */
export type Registration = Omit<Device, 'id' | 'answers' | 'registeredAtMs' | 'lastSeenMs'> & {
  deviceId?: string
}

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
export function openDevices(
  redis: RedisConnection,
  settings: { devicesPerAccountMax: number },
  clock: Clock = Date.now,
) {
  const registerScript = bindScript(redis, 'deviceRegister', deviceAnswersLua + deviceRegisterLua)
  const removeScript = bindScript(redis, 'deviceRemove', deviceRemoveLua)
  const seenScript = bindScript(redis, 'deviceSeen', deviceSeenLua)

  const sipRegisterScript = bindScript(redis, 'deviceSipRegister', deviceAnswersLua + deviceSipRegisterLua, {
    keyCounts: [2],
  })
  const learnedScript = bindScript(redis, 'deviceLearned', deviceAnswersLua + deviceLearnedLua)
  const sipRemoveScript = bindScript(redis, 'deviceSipRemove', deviceSipRemoveLua)

  return {
    /** All devices of an account; empty when it has none. */
    async list(account: string): Promise<Device[]> {
      const found = await reachable(redis.hvals(devicesKey(account)))
      return readDevices(found, clock())
    },

    /** A phone registered by SIP. `wakes`: those that pushed it and wait. An app that registered the same token by HTTP
     *  stays the app's device, and is seen now. */
    async registerSip(
      account: string,
      { device, nowMs, isOld }: SipRegistration,
    ): Promise<{ result: 'created' | 'updated'; id: string; wakes: PushedWake[] }> {
      const id = idOfToken(device.token)
      const json = JSON.stringify({ id, ...device, registeredAtMs: nowMs, lastSeenMs: nowMs })
      const [result, ...marks] = (await sipRegisterScript(
        [devicesKey(account), pushedKey(account)],
        [id, json, settings.devicesPerAccountMax, nowMs, isOld ? '1' : '0'],
      )) as ['created' | 'updated', ...string[]]
      const wakes = marks.map(mark => {
        const [record = '', name, pushedAtMs] = mark.split(' ')
        return { record, name: Number(name), pushedAtMs: Number(pushedAtMs) }
      })
      return { result, id, wakes }
    },

    /** A phone unregistered. Without a token: all of the account's that registered by SIP. Those that apps registered by
     *  HTTP stay. @returns whether there was one. */
    async removeSip(account: string, token?: string): Promise<boolean> {
      const slot = token === undefined ? '' : idOfToken(token)
      return Number(await sipRemoveScript([devicesKey(account)], [slot])) > 0
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

    /** Keeps how long a device takes to answer. Of two calls at once the later word stands. @returns false when it is gone. */
    async learned(account: string, deviceId: string, answers: string): Promise<boolean> {
      return Number(await learnedScript([devicesKey(account)], [deviceId, answers])) > 0
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

/** Those whose time is not over; the scripts that write take the others out. */
export const readDevices = (jsons: readonly string[], nowMs: number): Device[] =>
  jsons.map(readDevice).filter(({ keptUntilMs }) => keptUntilMs === undefined || keptUntilMs > nowMs)
