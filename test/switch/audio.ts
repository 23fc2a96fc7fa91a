// Who hears what at this moment, by the measurements: the test switch has no sound, so this is what its calls would
// sound like. Computed from what each leg does; it changes nothing.
//
// Every leg has two directions, what it says and what it hears, and its taps sit on both, in the order in which they
// came. A tap changes the sound for the taps after it, which is why one supervisor may hear another's whisper.

import type { Channel, MediaBug } from './channel.ts'

/** A channel's uuid, a file, or the ring-back tone. */
export type Sound = string

/** What the phone at this leg's end hears. A leg without sound hears nothing. */
export function soundsHeardBy(leg: Channel): Set<Sound> {
  if (!leg.hasMedia) return new Set()
  const tap = leg.eavesdropping
  return tap ? heardBySupervisor(tap.target, tap) : listen(leg, undefined)
}

/** What reaches the leg, past the taps before `until` (all of them if undefined). */
function listen(leg: Channel, until: MediaBug | undefined): Set<Sound> {
  const source = comingTo(leg)
  // A tap works on sound that is being sent. While nothing is, not even a whisper gets through.
  if (!source) return new Set()
  let heard = source
  for (const bug of tapsBefore(leg, until)) {
    if (bug.kind === 'eavesdrop') {
      if (bug.isHeardByTarget) heard = new Set([...heard, bug.supervisor.uuid])
    } else heard = displacedHearing(heard, bug)
  }
  return heard
}

function displacedHearing(
  heard: Set<Sound>,
  { direction, isMixed, path }: MediaBug & { kind: 'displace' },
): Set<Sound> {
  const file = `file:${path}`
  if (direction === 'write') return isMixed ? new Set([...heard, file]) : new Set([file])
  if (direction === 'read') return isMixed ? heard : new Set()
  // Both ways the leg hears the file, unless it is mixed: then FreeSWITCH 1.10.12 sends it silence.
  return isMixed ? new Set() : new Set([file])
}

/** What the leg says, past the taps before `until`. */
function say(leg: Channel, until: MediaBug | undefined): Set<Sound> {
  let said: Set<Sound> = new Set([leg.uuid])
  for (const bug of tapsBefore(leg, until)) {
    if (bug.kind === 'eavesdrop') {
      if (bug.isHeardByOther) said = new Set([...said, bug.supervisor.uuid])
    } else if (bug.direction === 'write') {
      if (!bug.isMixed) said = new Set()
    } else said = bug.isMixed ? new Set([...said, `file:${bug.path}`]) : new Set([`file:${bug.path}`])
  }
  return said
}

function tapsBefore(leg: Channel, until: MediaBug | undefined): MediaBug[] {
  const end = until ? leg.bugs.indexOf(until) : leg.bugs.length
  return leg.bugs.slice(0, end)
}

/** What is sent towards the leg before any tap, or undefined when nothing is sent at all. */
function comingTo(leg: Channel): Set<Sound> | undefined {
  if (leg.playback) return new Set([`file:${leg.playback.path}`])
  const { bridge } = leg
  if (!bridge) return new Set()
  const partner = bridge.other(leg)
  // A file that either side plays takes the place of the talk in both directions.
  if (bridge.isTalking) return partner.playback ? new Set() : say(partner, undefined)
  if (leg !== bridge.a) return undefined
  return hasRingback(leg, partner) ? new Set(['ringback']) : undefined
}

// `instant_ringback` alone leaves the caller in silence: there is no tone to play.
function hasRingback(waiting: Channel, rung: Channel): boolean {
  if (!waiting.variables.get('ringback')) return false
  return waiting.variables.isTrue('instant_ringback') || rung.hasProgressed
}

function heardBySupervisor(target: Channel, tap: MediaBug & { kind: 'eavesdrop' }): Set<Sound> {
  const said = tap.hearsTarget ? say(target, tap) : []
  const heard = tap.hearsOther ? listen(target, tap) : []
  return new Set([...said, ...heard])
}
