// Whether the switch carries out what it is asked. One that is paused, shuts down, or has lost its gateway refuses each
// originate within milliseconds, so it would take most jobs of a list and lose them all, while another switch idles. After a
// few refusals in a row it gets no further jobs while another switch takes them, and one job at a time in any case. What
// becomes of the refused calls is not decided here.

import type { Log } from '../../base/log.ts'
import { MS_PER_SECOND } from '../../base/units.ts'
import type { SwitchEvent } from '../../esl/event.ts'
import type { AgentCard, Agents } from '../../redis/agents/directory.ts'
import type { Call } from '../call/call.ts'

export interface Refusals {
  /** The last originates were all refused by the switch itself. */
  readonly isRefusing: boolean
  /** Another switch takes jobs now. */
  readonly isReplaced: boolean
  /** Whether a job may be taken now: always, but for a switch that refuses. */
  mayTake(): boolean
  /** A job was taken. */
  taken(): void
  /** Its dialling ended before an originate was sent. */
  notSent(): void
  /** Its originate was sent. */
  sent(call: Call): void
  /** Resolves when it is known whether a call with which a refusing switch is tried was refused; of all others at once. */
  decided(call: Call): Promise<void>
  /** The switch refused by itself, whoever was called. */
  refused(call: Call): void
  /** A phone was reached, or a provider behind the switch refused. */
  carriedOut(call: Call): void
  /** The outcome is unknown, or proves nothing about the switch. */
  undecided(call: Call): void
  /** Events of an A-leg, as far as they decide. */
  follow(call: Call, event: SwitchEvent): void
  /** All agents were looked at. */
  look(agents: Agents): void
  /** The switch as it is now: one that has started anew has refused nothing. */
  isAt(coreUuid: string): void
}

export interface RefusalsOptions {
  /** While another switch takes the jobs it is tried this often. */
  tryEveryMs: number
  /** A stopwatch in milliseconds that never goes back. */
  nowMs: () => number
  /** It refuses now, or does so no more. */
  onChange: (isRefusing: boolean) => void
  /** Another job may be taken. */
  onFree: () => void
  /** Whether its A-leg is dialled through a gateway, which may be gone; a phone's own address is that phone's affair. */
  isViaGateway: (call: Call) => boolean
  log: Log
}

/** In a row, without one between them that was carried out: a single one may be the job's own fault. */
const REFUSALS_MAX = 3

/** In a row, of answers that came through the gateway. A callee may be answered so (503), and its gateway works; one that answers
 *  everybody so may have lost what is behind it. */
const ANSWERED_MAX = 10

/** A channel that lives this long was not refused: a gateway whose other end is gone ends it within 30 ms (measured). */
const PROVEN_MS = MS_PER_SECOND

/** FreeSWITCH 1.10.12's results of originates for which no channel ever was, measured: paused, at its sessions a second or at
 *  once (DESTINATION_OUT_OF_ORDER), a gateway that is unknown or whose pings fail, a profile that does not run, shutting
 *  down (CHAN_NOT_IMPLEMENTED). None of them depends on the callee. */
const OWN_REFUSALS = new Set([
  'DESTINATION_OUT_OF_ORDER',
  'GATEWAY_DOWN',
  'INVALID_GATEWAY',
  'INVALID_PROFILE',
  'CHAN_NOT_IMPLEMENTED',
])

/** Nobody at the gateway's address (measured), or an answer of 503 (measured) or 502 (sofia_glue.c of FreeSWITCH) through the
 *  gateway: at once, before any sign of a phone. */
const GATEWAY_FAILS = new Set(['NORMAL_TEMPORARY_FAILURE', 'NETWORK_OUT_OF_ORDER'])

/** FreeSWITCH's own 503, where nobody answered, names no address that it came from (measured). */
const isFromFarEnd = (event: SwitchEvent): boolean => (event.header('Caller-Network-Addr') ?? '') !== ''

/** @param cause of an originate for which no channel was seen. */
export const isOwnRefusal = (cause: string): boolean => OWN_REFUSALS.has(cause)

export function watchRefusals(options: RefusalsOptions): Refusals {
  const { nowMs, log } = options
  /** Originates are numbered as they are sent: one that was sent before the refusals says nothing of now. */
  const open = new WeakMap<Call, number>()
  let sentCount = 0
  let carriedOutLast = 0
  /** Those that were refused since then, or answered with a failure through the gateway. */
  let refusals: { number: number; isAnswered: boolean }[] = []
  let isRefusing = false
  let isReplaced = false
  let coreUuid = ''
  /** The one that is tried: a job whose originate is not sent yet, or its call. */
  let tried: Call | 'job' | undefined
  let isDecided = Promise.withResolvers<void>()
  let triedAtMs = Number.NEGATIVE_INFINITY

  /** It serves another switch, which carries out what it is asked. */
  const takesElsewhere = (card: AgentCard): boolean =>
    !card.isDraining && !card.isRefusing && card.coreUuid !== '' && card.coreUuid !== coreUuid

  function judge(): void {
    refusals = refusals.filter(({ number }) => number > carriedOutLast).slice(-ANSWERED_MAX)
    const answeredLast = Math.max(0, ...refusals.filter(each => each.isAnswered).map(each => each.number))
    // An answer proves that the gateway is there.
    const refusedSince = refusals.filter(({ number }) => number > answeredLast).length
    const was = isRefusing
    isRefusing = refusedSince >= REFUSALS_MAX || refusals.length >= ANSWERED_MAX
    if (isRefusing === was) return
    if (isRefusing)
      log.warn({ refusals: refusals.length }, 'the switch refuses what it is asked: one job at a time')
    else log.info('the switch carries out what it is asked again')
    if (!isRefusing) decide()
    options.onChange(isRefusing)
    if (!isRefusing) options.onFree()
  }

  function endTry(of: Call | 'job'): void {
    if (tried !== of) return
    decide()
    options.onFree()
  }

  function decide(): void {
    tried = undefined
    isDecided.resolve()
    isDecided = Promise.withResolvers<void>()
  }

  /** @returns its number, once. */
  function close(call: Call): number | undefined {
    const number = open.get(call)
    open.delete(call)
    return number
  }

  function refuse(call: Call, isAnswered: boolean): void {
    const number = close(call)
    if (number === undefined) return
    refusals.push({ number, isAnswered })
    triedAtMs = nowMs()
    judge()
    if (isRefusing) setTimeout(options.onFree, options.tryEveryMs).unref()
    endTry(call)
  }

  const watch: Refusals = {
    get isRefusing() {
      return isRefusing
    },
    get isReplaced() {
      return isReplaced
    },

    mayTake() {
      if (!isRefusing) return true
      return tried === undefined && (!isReplaced || nowMs() - triedAtMs >= options.tryEveryMs)
    },

    taken() {
      if (!isRefusing) return
      tried = 'job'
      triedAtMs = nowMs()
    },

    notSent: () => endTry('job'),

    sent(call) {
      open.set(call, ++sentCount)
      if (tried === 'job') tried = call
    },

    decided: call => (tried === call ? isDecided.promise : Promise.resolve()),

    refused: call => refuse(call, false),

    carriedOut(call) {
      const number = close(call)
      if (number === undefined) return
      carriedOutLast = Math.max(carriedOutLast, number)
      judge()
      endTry(call)
    },

    undecided(call) {
      close(call)
      endTry(call)
    },

    follow(call, event) {
      if (!open.has(call)) return
      switch (event.name) {
        case 'CHANNEL_CREATE':
          // A phone need not tell that it rings.
          if (tried === call) setTimeout(() => watch.carriedOut(call), PROVEN_MS).unref()
          return
        case 'CHANNEL_PROGRESS':
        case 'CHANNEL_PROGRESS_MEDIA':
        case 'CHANNEL_ANSWER':
          return watch.carriedOut(call)
        case 'CHANNEL_HANGUP': {
          const isFailure =
            GATEWAY_FAILS.has(event.header('Hangup-Cause') ?? '') && options.isViaGateway(call)
          return isFailure ? refuse(call, isFromFarEnd(event)) : watch.carriedOut(call)
        }
      }
    },

    look(agents) {
      isReplaced = [...agents.values()].some(card => card !== undefined && takesElsewhere(card))
    },

    isAt(core) {
      if (core === coreUuid) return
      coreUuid = core
      carriedOutLast = sentCount
      judge()
    },
  }
  return watch
}
