// A third leg that listens to another one, and what its keypad or a CUSTOM event makes of it: heard by nobody, by one
// side, or by both. Who hears what in each mode is in audio.ts.

import { fireExecute } from './applications.ts'
import { tellDisplay } from './bridgeNotes.ts'
import type { Channel } from './channel.ts'
import { fireChannelEvent } from './channelEvents.ts'
import type { Exchange } from './exchange.ts'
import { completeHangup, hangupWith, letGo } from './hangups.ts'
import { leaveApplication } from './parking.ts'
import { setDetails } from './sipDetails.ts'

/** A supervisor's tap on the leg it listens to. */
export interface Eavesdropping {
  kind: 'eavesdrop'
  supervisor: Channel
  target: Channel
  /** Mixed into what the target says: its partner hears the supervisor. Key 1. */
  isHeardByOther: boolean
  /** Mixed into what the target hears: the target hears the supervisor. Key 2. */
  isHeardByTarget: boolean
  /** Which directions the supervisor hears; both unless the leg's variables name one. */
  hearsTarget: boolean
  hearsOther: boolean
  /** The call has ended: the supervisor is hung up. */
  end: () => void
  /** The supervisor itself is going: the tap is taken off. */
  detach: () => void
}

// Recorded: eavesdrop on a leg that rings gives up after 6.09 s.
const MEDIA_WAIT_SECONDS = 6

/** The application `eavesdrop`. An unknown leg, or one without sound within six seconds, ends the supervisor's leg
 *  with NORMAL_CLEARING and nothing says why. */
export function runEavesdrop(exchange: Exchange, supervisor: Channel, targetUuid: string): void {
  supervisor.application = fireExecute(exchange, supervisor, 'eavesdrop', targetUuid)
  const target = exchange.find(targetUuid)
  if (!target || target.isEnding) return dismiss(exchange, supervisor)
  if (target.hasMedia) return attach(exchange, supervisor, target)
  const giveUp = exchange.timers.seconds(MEDIA_WAIT_SECONDS, () => decide())
  const decide = (): void => {
    giveUp()
    target.mediaWaiters.delete(decide)
    if (supervisor.isEnding) return
    if (target.hasMedia) attach(exchange, supervisor, target)
    else dismiss(exchange, supervisor)
  }
  target.mediaWaiters.add(decide)
}

/** Keys that a supervisor presses, or the API on its behalf. @returns false when that leg's keypad is off: then they
 *  are swallowed and no DTMF event comes. */
export function pressKeys(exchange: Exchange, supervisor: Channel, digits: string): boolean {
  const keypad = supervisor.variables.text('eavesdrop_enable_dtmf')
  const isListening = supervisor.eavesdropping !== undefined
  if (!isListening || (keypad !== undefined && !supervisor.variables.isTrue('eavesdrop_enable_dtmf')))
    return false
  for (const digit of digits) {
    exchange.timers.tick(() => {
      if (supervisor.isEnding) return
      fireChannelEvent(exchange, 'DTMF', supervisor, {
        last: ['DTMF-Digit', digit, 'DTMF-Duration', '2000', 'DTMF-Source', 'APP'],
        withoutVariables: true,
      })
      command(supervisor, digit)
    })
  }
  return true
}

/** A mode by CUSTOM event. Sent while the leg still rings, it applies once it listens. Nothing tells when. */
export function sendCommand(exchange: Exchange, supervisor: Channel, keys: string): void {
  if (supervisor.eavesdropping) {
    exchange.timers.tick(() => {
      for (const key of keys) command(supervisor, key)
    })
  } else supervisor.eavesdropCommands.push(...keys)
}

function command(supervisor: Channel, key: string): void {
  const tap = supervisor.eavesdropping
  if (!tap) return
  if (key === '*') return tap.end()
  if (!'0123'.includes(key)) return
  tap.isHeardByOther = key === '1' || key === '3'
  tap.isHeardByTarget = key === '2' || key === '3'
}

function attach(exchange: Exchange, supervisor: Channel, target: Channel): void {
  const { variables } = supervisor
  const wantsTarget = variables.isTrue('eavesdrop_bridge_aleg')
  const wantsOther = variables.isTrue('eavesdrop_bridge_bleg')
  const wantsAny = wantsTarget || wantsOther
  const detach = (): void => {
    const at = target.bugs.indexOf(tap)
    if (at >= 0) target.bugs.splice(at, 1)
    supervisor.eavesdropping = undefined
    setDetails(exchange, supervisor, () => readCodec('PCMU'))
  }
  const tap: Eavesdropping = {
    kind: 'eavesdrop',
    supervisor,
    target,
    // The variables are named the other way round: whisper_aleg lets the partner hear.
    isHeardByOther: variables.isTrue('eavesdrop_whisper_aleg'),
    isHeardByTarget: variables.isTrue('eavesdrop_whisper_bleg'),
    hearsTarget: wantsTarget || !wantsAny,
    hearsOther: wantsOther || !wantsAny,
    detach,
    end: () => {
      detach()
      dismiss(exchange, supervisor)
    },
  }
  supervisor.eavesdropping = tap
  target.bugs.push(tap)
  setDetails(exchange, supervisor, () => readCodec('L16'))
  tellDisplay(supervisor, { name: target.profile.callerIdName, number: target.profile.callerIdNumber })
  for (const key of supervisor.eavesdropCommands.splice(0)) command(supervisor, key)
}

const readCodec = (name: string): [string, string][] => [
  ['read_codec', name],
  ['read_rate', '8000'],
]

function dismiss(exchange: Exchange, supervisor: Channel): void {
  leaveApplication(exchange, supervisor)
  if (!hangupWith(exchange, supervisor, 'NORMAL_CLEARING')) return
  letGo(supervisor)
  completeHangup(exchange, supervisor)
}
