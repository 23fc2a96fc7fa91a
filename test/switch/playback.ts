// Files on a leg: broadcast, where the leg hears the file instead of its partner, one file after the other; and
// displace, a tap that puts a file into the leg's sound. Says what plays; what anybody hears of it is audio.ts'
// business.

import { fireExecute, fireExecuteComplete } from './applications.ts'
import type { Application, Channel } from './channel.ts'
import { fireChannelEvent } from './channelEvents.ts'
import type { Exchange } from './exchange.ts'

/** A file that a leg plays to itself. */
export interface Playback {
  path: string
  application: Application
  /** The partner plays nothing until this has ended. */
  holdsPartner: boolean
  end: (status: 'done' | 'break') => void
}

/** A file tapped into a leg's sound. `read` is what the leg says (its partner hears it), `write` what it hears. */
export interface Displacement {
  kind: 'displace'
  path: string
  direction: 'read' | 'write' | 'both'
  /** Mixed under the talk; otherwise the talk is cut off both ways. */
  isMixed: boolean
  end: () => void
}

// Recorded: 200 ms between a broadcast and its EXECUTE (five lead frames and a scheduler's step).
const LEAD_SECONDS = 0.2
/** More wait for a leg than any test plays; FreeSWITCH's own queue of private events holds 100. */
const PLAY_QUEUE_MAX = 100

/** Queues a file on the leg, its partner or both, and plays it when nothing else does. */
export function broadcast(
  exchange: Exchange,
  leg: Channel,
  path: string,
  to: { a: boolean; b: boolean },
): void {
  const partner = leg.bridge?.other(leg)
  const hearers = [...(to.a ? [leg] : []), ...(to.b && partner ? [partner] : [])]
  if (exchange.chance()) hearers.reverse()
  for (const hearer of hearers) {
    if (hearer.playQueue.length < PLAY_QUEUE_MAX) hearer.playQueue.push(path)
  }
  const holdsPartner = isNew(exchange, leg)
  exchange.timers.seconds(LEAD_SECONDS, () => {
    for (const hearer of hearers) playNext(exchange, hearer, holdsPartner)
  })
}

function isNew(exchange: Exchange, { bridge, profile }: Channel): boolean {
  const joinedForMs = exchange.nowMs() - profile.times.bridged / 1_000
  return bridge?.isTalking === true && joinedForMs < exchange.settings.firstLookMs
}

/** Begins the next file of a leg's queue, if it is free and can hear. */
export function playNext(exchange: Exchange, leg: Channel, holdsPartner = false): void {
  const isWaiting = leg.bridge !== undefined && !leg.bridge.isTalking
  const isHeld = leg.bridge?.other(leg)?.playback?.holdsPartner === true
  if (leg.playback || leg.isEnding || !leg.isAnswered || isWaiting || isHeld) return
  const path = leg.playQueue.shift()
  if (path === undefined) return
  leg.variables.set('current_loop', '1')
  leg.variables.set('total_loops', '1')
  const application = fireExecute(exchange, leg, 'playback', path)
  const seconds = exchange.plant.files.get(path)
  if (seconds === undefined) {
    finish(exchange, leg, application, 'FILE NOT FOUND')
    return playNext(exchange, leg)
  }
  start(exchange, leg, { application, seconds, holdsPartner })
}

/** Ends what the leg plays. @param all what waits behind it goes too. */
export function breakPlayback(leg: Channel, all: boolean): void {
  if (all) leg.playQueue.length = 0
  leg.playback?.end('break')
}

function start(
  exchange: Exchange,
  leg: Channel,
  {
    application,
    seconds,
    holdsPartner,
  }: { application: Application; seconds: number; holdsPartner: boolean },
): void {
  const path = application.data
  const startedAtMs = exchange.nowMs()
  fireChannelEvent(exchange, 'PLAYBACK_START', leg, { last: ['Playback-File-Path', path] })
  const stop = exchange.timers.seconds(seconds, () => leg.playback?.end('done'))
  const end = (status: 'done' | 'break'): void => {
    stop()
    leg.playback = undefined
    const playedMs = status === 'done' ? seconds * 1_000 : exchange.nowMs() - startedAtMs
    leg.variables.setAll(playedVariables(Math.round(playedMs)))
    fireChannelEvent(exchange, 'PLAYBACK_STOP', leg, {
      last: ['Playback-File-Path', path, 'Playback-Status', status],
    })
    finish(exchange, leg, application, 'FILE PLAYED')
    exchange.timers.soon(() => {
      playNext(exchange, leg)
      const partner = leg.bridge?.other(leg)
      if (holdsPartner && partner) playNext(exchange, partner)
    })
  }
  leg.playback = { path, application, holdsPartner, end }
}

function finish(exchange: Exchange, leg: Channel, application: Application, response: string): void {
  leg.variables.set('current_application_response', response)
  fireExecuteComplete(exchange, leg, application)
  leg.variables.delete('current_loop')
  leg.variables.delete('total_loops')
}

// At 8,000 samples a second.
const playedVariables = (ms: number): [string, string][] => [
  ['playback_last_offset_pos', String(ms * 8)],
  ['playback_seconds', String(Math.floor(ms / 1_000))],
  ['playback_ms', String(ms)],
  ['playback_samples', String(ms * 8)],
]

/** Taps a file into a leg. @param flags `m` mixes it under the talk, `r` puts it into what the leg says instead of
 *  what it hears, `rw` into both, `l` begins again at its end. @returns false for a missing file, a leg without sound,
 *  or the same file twice. */
export function displace(
  exchange: Exchange,
  leg: Channel,
  { path, limitSeconds, flags }: { path: string; limitSeconds: number; flags: string },
): boolean {
  const seconds = exchange.plant.files.get(path)
  if (seconds === undefined || !leg.hasMedia || displacementOf(leg, path)) return false
  const isRead = flags.includes('r')
  const direction = isRead ? (flags.includes('w') ? 'both' : 'read') : 'write'
  const loops = flags.includes('l')
  const tap: Displacement = { kind: 'displace', path, direction, isMixed: flags.includes('m'), end: () => {} }
  const lasts = Math.min(loops ? Number.POSITIVE_INFINITY : seconds, limitSeconds || Number.POSITIVE_INFINITY)
  const stop = Number.isFinite(lasts) ? exchange.timers.seconds(lasts, () => tap.end()) : () => {}
  tap.end = () => {
    stop()
    const at = leg.bugs.indexOf(tap)
    if (at < 0) return
    leg.bugs.splice(at, 1)
    fireTap(exchange, leg, 'MEDIA_BUG_STOP', path)
  }
  leg.bugs.push(tap)
  exchange.timers.soon(() => fireTap(exchange, leg, 'MEDIA_BUG_START', path))
  return true
}

/** @returns false when that file is not in the leg's sound, or no longer. */
export function stopDisplace(exchange: Exchange, leg: Channel, path: string): boolean {
  const tap = displacementOf(leg, path)
  if (!tap) return false
  exchange.timers.soon(() => tap.end())
  return true
}

const displacementOf = (leg: Channel, path: string): Displacement | undefined =>
  leg.bugs.find((bug): bug is Displacement => bug.kind === 'displace' && bug.path === path)

function fireTap(exchange: Exchange, leg: Channel, name: string, path: string): void {
  fireChannelEvent(exchange, name, leg, {
    first: ['Media-Bug-Function', 'displace', 'Media-Bug-Target', path],
  })
}
