// Hears the switch's phones register, for those that ask to be pushed (RFC 8599). Of the agents of one switch the one that
// holds the switch's channel listens; when it dies its successor does, and reads the bindings that are there first. Facts
// go to the room of the union, which both halves share; two agents that tell the same one do no harm.

import type { Log } from '../../base/log.ts'
import { messageOf } from '../../base/result.ts'
import { type Clock, MS_PER_SECOND, toSeconds } from '../../base/units.ts'
import type { EslCommand } from '../../esl/command.ts'
import type { SwitchEvent } from '../../esl/event.ts'
import type { SwitchLink } from '../../esl/link.ts'
import { ACCOUNT, type Binding, readBindings } from '../../esl/registrations.ts'
import type { AppNames } from '../../push/apps.ts'
import { type RedisConnection, RedisUnavailable } from '../../redis/connect.ts'
import { openDevices } from '../../redis/devices/devices.ts'
import { openWakes } from '../../redis/wakes/wakes.ts'
import {
  createRegistrar,
  EXPIRES_SECONDS_DEFAULT,
  type Registered,
  type Registrar,
  type SipRegister,
} from '../../union/registrar.ts'
import { type AgentContext, letFinish } from './context.ts'

/** `sofia::expire` is left out: a phone that sleeps does not refresh its binding, and must still be woken. */
const SUBCLASSES = ['sofia::register', 'sofia::unregister'] as const

/** Its answers are 1.5 KB for each binding. */
const LIST_TIMEOUT_MS = 30 * MS_PER_SECOND

/** Bindings of the list that are told at once, and REGISTERs under way when Redis is slow: beyond, the list is read again. */
const AT_ONCE_MAX = 100
const UNDER_WAY_MAX = 5_000

/** For the count alone: some 100 bytes each. */
const ACCOUNTS_KNOWN_MAX = 100_000

/** Wait before another try when the list could not be read, or Redis did not take it. */
const LIST_AGAIN_MS = 5 * MS_PER_SECOND

interface Options {
  link: Pick<SwitchLink, 'isReady' | 'hear' | 'hearNoMore' | 'bgapi'>
  registrar: Registrar
  /** Whether this agent is the one that listens for its switch. */
  isOurs: () => boolean
  /** Accounts are `user@domain`. */
  isWithDomain: boolean
  switchName: string
  /** Lets work that has begun end before the agent does. */
  letFinish: (work: Promise<unknown>) => void
  clock: Clock
  log: Log
}

export type SipRegistrations = ReturnType<typeof createSipRegistrations>

/** @param how.isOurs whether this agent is the one that listens for its switch.
 *  @returns undefined when the settings want none. */
export function openSipRegistrations(
  context: AgentContext,
  commands: RedisConnection,
  how: { isOurs: () => boolean; appNames: () => readonly AppNames[] | undefined },
): SipRegistrations | undefined {
  const { link, settings, count, timeline, clock, log } = context
  const { registrations } = settings
  if (!registrations) return undefined
  const registrar = createRegistrar({
    devices: openDevices(commands, registrations, clock),
    wakes: openWakes(commands, clock),
    appNames: how.appNames,
    keepMs: registrations.keepMs,
    timeline,
    onRegister: result => count('registers', result),
    onConfirmation: verdict => count('registerConfirmations', verdict),
    clock,
    log,
  })
  return createSipRegistrations({
    link,
    registrar,
    isOurs: how.isOurs,
    isWithDomain: registrations.isWithDomain,
    switchName: settings.switch.name,
    letFinish: work => letFinish(context, work),
    clock,
    log,
  })
}

function createSipRegistrations(options: Options) {
  const { link, log } = options
  const from = `FreeSWITCH ${options.switchName}`
  let isListening = false
  let isReading = false
  /** When the list is to be read; undefined: nothing was missed. */
  let listDueAtMs: number | undefined
  let underWay = 0
  /** When the bindings of phones that can be pushed run out, by account and device. */
  const known = new Map<string, Map<string, number>>()

  /** Begins or stops to listen, as the switch's channel is ours or not. Called again and again. */
  function look(): void {
    const shall = link.isReady && options.isOurs()
    if (shall !== isListening) {
      isListening = shall
      if (shall) begin()
      else if (link.isReady) link.hearNoMore(SUBCLASSES)
    }
    const isDue = listDueAtMs !== undefined && performance.now() >= listDueAtMs
    if (isListening && isDue && !isReading) options.letFinish(readList())
  }

  function begin(): void {
    listDueAtMs = 0
    known.clear()
    // The list is asked for after the subscription, so that no REGISTER is missed between the two.
    options.letFinish(
      link.hear(SUBCLASSES).then(outcome => {
        if (outcome.kind === 'error')
          log.error({ reply: outcome.text }, 'the switch lets us hear no registrations')
      }),
    )
  }

  async function readList(): Promise<void> {
    isReading = true
    listDueAtMs = undefined
    try {
      const all = await readBindings(ask, Math.floor(toSeconds(options.clock())))
      if (!all) return readAgain()
      for (let at = 0; at < all.length && isListening; at += AT_ONCE_MAX)
        await Promise.all(all.slice(at, at + AT_ONCE_MAX).map(tellOld))
    } finally {
      isReading = false
    }
  }

  /** In the background: a long answer must not make orders wait. */
  async function ask(command: EslCommand): Promise<string | undefined> {
    const job = { jobUuid: crypto.randomUUID(), timeoutMs: LIST_TIMEOUT_MS }
    const outcome = await link.bgapi(command, job).result
    return outcome.kind === 'ok' ? outcome.text : undefined
  }

  function readAgain(): void {
    listDueAtMs = performance.now() + LIST_AGAIN_MS
  }

  function tellOld(binding: Binding): Promise<void> {
    const expiresSeconds = Math.max(1, binding.expiresAtSeconds - Math.floor(toSeconds(options.clock())))
    const account = accountOf(binding.user, binding.domain)
    return tell({ account, contact: binding.url, isDecoded: true, expiresSeconds, from, isOld: true })
  }

  async function tell(register: SipRegister): Promise<void> {
    if (underWay >= UNDER_WAY_MAX) return readAgain()
    underWay += 1
    try {
      note(register, await options.registrar.hear(register))
    } catch (thrown) {
      if (!(thrown instanceof RedisUnavailable)) log.error({ err: thrown }, 'a REGISTER could not be told')
      else log.debug({ reason: messageOf(thrown) }, 'redis unavailable: the registrations are read again')
      readAgain()
    } finally {
      underWay -= 1
    }
  }

  function note({ account, expiresSeconds = EXPIRES_SECONDS_DEFAULT }: SipRegister, told: Registered): void {
    const { result, device } = told
    if (expiresSeconds === 0) {
      // Without a device: all phones of the account have unregistered.
      if (device !== undefined) known.get(account)?.delete(device)
      if (device === undefined || known.get(account)?.size === 0) known.delete(account)
    } else if (device !== undefined && (result === 'created' || result === 'updated')) {
      if (!known.has(account) && known.size >= ACCOUNTS_KNOWN_MAX) return
      const devices = known.get(account) ?? new Map<string, number>()
      known.set(account, devices.set(device, options.clock() + expiresSeconds * MS_PER_SECOND))
    }
  }

  /** Counts the phones whose binding has not run out, and forgets the others. */
  function countKnown(): number {
    const nowMs = options.clock()
    let count = 0
    for (const [account, devices] of known) {
      for (const [device, endsAtMs] of devices) if (endsAtMs <= nowMs) devices.delete(device)
      if (devices.size === 0) known.delete(account)
      count += devices.size
    }
    return count
  }

  const accountOf = (user: string, domain: string): string =>
    options.isWithDomain ? `${user}@${domain}` : user

  return {
    look,

    /** How many phones that can be pushed are registered at the switch; undefined: another agent listens. */
    count: () => (isListening ? countKnown() : undefined),

    /** The line to the switch is gone, and what it was asked for with it. */
    lost(): void {
      isListening = false
    },

    /** Follows one event of the switch; most events are no registration. */
    follow(event: SwitchEvent): void {
      if (!isListening || event.name !== 'CUSTOM') return
      const subclass = event.header('Event-Subclass')
      const isGone = subclass === 'sofia::unregister'
      if (!isGone && subclass !== 'sofia::register') return
      // FreeSWITCH names the address-of-record in the From's headers, in both events.
      const user = event.header('from-user') ?? ''
      const contact = event.header('contact') ?? ''
      const account = accountOf(user, event.header('from-host') ?? '')
      if (!ACCOUNT.test(account)) return
      const expiresSeconds = isGone ? 0 : Number(event.header('expires'))
      const userAgent = event.header('user-agent')
      options.letFinish(
        tell({
          account,
          contact,
          isDecoded: true,
          ...(Number.isSafeInteger(expiresSeconds) ? { expiresSeconds } : {}),
          ...(userAgent === undefined ? {} : { userAgent }),
          from,
        }),
      )
    },
  }
}
