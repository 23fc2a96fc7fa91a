// What becomes of a REGISTER, whoever heard it: a PBX by HTTP, or an agent from FreeSWITCH. What the Contact says of push
// becomes a device, or ends one; and where the phone was pushed for a wake that waits, its REGISTER is the confirmation.
// A REGISTER that changes nothing costs one script. No push is sent from here, and nobody is answered.

import { canonicalAccount } from '../base/account.ts'
import type { Log } from '../base/log.ts'
import { createRareLog } from '../base/rareLog.ts'
import { assertNever } from '../base/result.ts'
import type { Clock } from '../base/units.ts'
import type { AppNames } from '../push/apps.ts'
import { type Platform, vendorOf } from '../push/push.ts'
import { type DeviceStore, idOfToken, type PushedWake } from '../redis/devices/devices.ts'
import { wakeIdOf } from '../redis/keys.ts'
import type { Verdict, WakeStore } from '../redis/wakes/wakes.ts'
import type { Recorder } from '../timeline/recorder.ts'
import { type PushAddress, readPushContact } from './pushContact.ts'

/** One REGISTER that a switch or a PBX has accepted. */
export interface SipRegister {
  account: string
  contact: string
  /** The Contact's parameters were percent-decoded already. */
  isDecoded: boolean
  /** 0: the phone has unregistered. Undefined: not told. */
  expiresSeconds?: number
  userAgent?: string
  /** For timelines: `FreeSWITCH 10.0.0.5:8021`, `the PBX`. */
  from: string
  /** The binding existed before the agent listened: it confirms no wake. */
  isOld?: boolean
}

export const REGISTER_RESULTS = ['created', 'updated', 'removed', 'none', 'unknown-app', 'unusable'] as const
export type RegisterResult = (typeof REGISTER_RESULTS)[number]

export interface RegistrarOptions {
  devices: Pick<DeviceStore, 'registerSip' | 'removeSip'>
  wakes: Pick<WakeStore, 'answer'>
  /** The apps of APPS_FILE as they are now; undefined: every app is taken. */
  appNames: () => readonly AppNames[] | undefined
  keepMs: number
  timeline: Pick<Recorder, 'add'>
  onRegister: (result: RegisterResult) => void
  onConfirmation: (verdict: Verdict) => void
  clock: Clock
  log: Log
}

export interface Registered {
  result: RegisterResult
  /** Wakes that this REGISTER confirmed. */
  confirmed: number
  /** The phone that can be pushed, or could be until now, by its device's id. */
  device?: string
}

export type Registrar = ReturnType<typeof createRegistrar>

/** Kept of a phone's own description of itself. */
const USER_AGENT_CHARACTERS_MAX = 100

/** What a binding lasts when nobody says so (RFC 3261, 10.2.1.1: as the registrar likes; an hour is usual). */
export const EXPIRES_SECONDS_DEFAULT = 3_600

export function createRegistrar(options: RegistrarOptions) {
  const { devices, clock, log } = options
  const noteOddity = createRareLog(log, clock)

  /** The first command to Redis leaves before this returns, so that registrations keep their order.
   *  @throws RedisUnavailable */
  async function hear(register: SipRegister): Promise<Registered> {
    const read = readPushContact({ text: register.contact, isDecoded: register.isDecoded })
    switch (read.kind) {
      case 'none':
        return told('none')
      case 'unusable':
        noteOddity(
          read.reason,
          { from: register.from, reason: read.reason },
          'a REGISTER’s push parameters can’t be used',
        )
        return told('unusable')
      case 'all':
        return register.expiresSeconds === 0 ? remove(register.account) : told('none')
      case 'address':
        return register.expiresSeconds === 0
          ? remove(register.account, read.address.token)
          : keep(register, read.address)
      default:
        return assertNever(read)
    }
  }

  function told(result: RegisterResult, device?: string, confirmed = 0): Registered {
    options.onRegister(result)
    return { result, confirmed, ...(device === undefined ? {} : { device }) }
  }

  async function remove(account: string, token?: string): Promise<Registered> {
    const isRemoved = await devices.removeSip(canonicalAccount(account), token)
    if (isRemoved) log.info({ account }, 'phone unregistered: no device any more')
    return told(isRemoved ? 'removed' : 'none', token === undefined ? undefined : idOfToken(token))
  }

  async function keep(register: SipRegister, address: PushAddress): Promise<Registered> {
    const app = appOf(address, options.appNames())
    if (!app) {
      const { appName, vendor } = address
      noteOddity(
        `${vendor} ${appName}`,
        { from: register.from, vendor, name: appName },
        'a phone registered for an app that APPS_FILE does not have: give an entry its topic, project or senderId',
      )
      return told('unknown-app')
    }
    const account = canonicalAccount(register.account)
    const nowMs = Math.round(clock())
    const { token, alertToken, isSandbox } = address
    const expiresAtMs = nowMs + (register.expiresSeconds ?? EXPIRES_SECONDS_DEFAULT) * 1_000
    const name = nameOf(register.userAgent)
    const { result, id, wakes } = await devices.registerSip(account, {
      nowMs,
      isOld: register.isOld === true,
      device: {
        ...app,
        token,
        isSandbox,
        ...(name === '' ? {} : { name }),
        ...(alertToken === undefined ? {} : { alertToken }),
        sip: { from: register.from, expiresAtMs },
        keptUntilMs: nowMs + options.keepMs,
      },
    })
    if (result === 'created') log.info({ account, from: register.from, app: app.app }, 'phone registered')
    if (register.isOld) return told(result, id)
    const verdicts = await Promise.all(wakes.map(wake => confirm(wake, id, register.from)))
    return told(result, id, verdicts.filter(verdict => verdict === 'proceed').length)
  }

  async function confirm(wake: PushedWake, device: string, from: string): Promise<Verdict> {
    const { callId, account } = wakeIdOf(wake.record)
    const atMs = clock()
    const answered = await options.wakes.answer(
      { by: 'token', wake: { callId, account }, device, name: wake.name },
      { isAvailable: true },
    )
    const verdict = answered.verdict === 'misfit' ? 'unknown' : answered.verdict
    options.onConfirmation(verdict)
    log.info({ callId, verdict }, 'phone answered by REGISTER')
    const afterMs = Math.max(0, atMs - wake.pushedAtMs)
    options.timeline.add(callId, { what: 'registered', account, device, from, verdict, afterMs }, { atMs })
    return verdict
  }

  return { hear }
}

/** The app's name and platform as its device keeps them. @returns undefined: no entry has that topic, project or sender. */
export function appOf(
  { vendor, appName, teamId }: PushAddress,
  known: readonly AppNames[] | undefined,
): { app: string; platform: Platform } | undefined {
  if (!known) return { app: appName, platform: vendor === 'apns' ? 'apns' : 'android' }
  const found = known.find(each => {
    if (vendorOf(each.platform) !== vendor) return false
    if (vendor === 'fcm') return each.projectId === appName || each.senderId === appName
    return each.topic === `${appName}.voip` && (teamId === undefined || each.teamId === teamId)
  })
  return found && { app: found.app, platform: found.platform }
}

/** A phone's own words, fit to be shown: one line, without controls. */
const nameOf = (userAgent = ''): string =>
  userAgent
    .replace(/[^\x20-\x7e]/g, '')
    .trim()
    .slice(0, USER_AGENT_CHARACTERS_MAX)
