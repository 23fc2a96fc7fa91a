// The commands that steer and inspect calls which are up. Each is a pure function from allow-listed values to one line
// for `api` or `bgapi`, with its wire form above it. No decision is made here: dial/ knows when, link.ts how.
// Answers named here were measured on FreeSWITCH 1.10.12.
import { assert } from '../base/result.ts'
import type { Account, ChannelUuid, MediaPath, ProfileName } from './allow.ts'
import { asCommand, type EslCommand, type EslMessage } from './command.ts'
import type { HangupCause } from './hangupCauses.ts'

// uuid_kill <uuid> <cause>
/** Hangs a channel up, also while it rings (CANCEL). `+OK` comes before the HANGUP events. The cause stays on this
 *  leg: the other one of a bridge ends with NORMAL_CLEARING, a ringing B with ORIGINATOR_CANCEL. */
export const hangUpChannel = (channelUuid: ChannelUuid, cause: HangupCause): EslCommand =>
  asCommand(`uuid_kill ${channelUuid} ${cause}`)

// uuid_bridge <uuid> <other uuid>
/** Joins two parked channels. The answer comes before they leave the park, and before BRIDGE.
 *  @throws when both are the same: the switch says +OK to that and leaves the channel in limbo. */
export function bridgeChannels(first: ChannelUuid, second: ChannelUuid): EslCommand {
  assert(first !== second, 'a channel is not bridged to itself')
  return asCommand(`uuid_bridge ${first} ${second}`)
}

// uuid_broadcast <uuid> <path> both
/** Plays to both sides of a call, who don't hear each other meanwhile. `+OK` also for a file that does not exist:
 *  ask `fileExists` first. */
export const playToBoth = (channelUuid: ChannelUuid, path: MediaPath): EslCommand =>
  asCommand(`uuid_broadcast ${channelUuid} ${path} both`)

/** US ring-back: 2 s on, 4 s off (`us-ring` in FreeSWITCH's vars.xml), until something else is done with the leg. */
const RINGBACK_TONE = 'tone_stream://%(2000,4000,440,480);loops=-1'

// uuid_transfer <uuid> m:!:playback:tone_stream://... inline
/** A parked caller hears it ring while the callee's phones are woken; the next transfer ends that. A broadcast would begin
 *  200 ms late, perhaps in the middle of the talk. */
export const playRingback = (channelUuid: ChannelUuid): EslCommand =>
  asCommand(`uuid_transfer ${channelUuid} m:!:playback:${RINGBACK_TONE} inline`)

// uuid_break <uuid> all both
/** Stops what plays and what waits to be played, on both sides. `+OK` also when nothing plays. */
export const stopPlayback = (channelUuid: ChannelUuid): EslCommand =>
  asCommand(`uuid_break ${channelUuid} all both`)

// uuid_displace <uuid> start <path> 0 mux
/** Mixes a file under what this leg hears; to serve both sides, send it for both legs. `0`: until the file ends.
 *  `-ERR Cannot displace session!` when the file is missing or plays on this leg already. */
export const startBackground = (legUuid: ChannelUuid, path: MediaPath): EslCommand =>
  asCommand(`uuid_displace ${legUuid} start ${path} 0 mux`)

// uuid_displace <uuid> stop <path>
/** `-ERR Cannot stop displace session!` when that file does not play on this leg (any more). */
export const stopBackground = (legUuid: ChannelUuid, path: MediaPath): EslCommand =>
  asCommand(`uuid_displace ${legUuid} stop ${path}`)

/** The legs that hear a supervisor: none, the A-leg, the B-leg, or both. */
export type HeardBy = 'nobody' | 'a-leg' | 'b-leg' | 'both'

/** The keys of FreeSWITCH's eavesdrop application, by whom tones were detected at. */
const EAVESDROP_KEYS: Record<HeardBy, string> = { nobody: '0', 'b-leg': '1', 'a-leg': '2', both: '3' }

/** Ours alone: a message to a dead leg is fired to whoever subscribed to its subclass, so nobody must have. */
const EAVESDROP_SUBCLASS = 'hookswitch::supervise'

// sendevent CUSTOM / Event-Subclass: hookswitch::supervise / unique-id: <uuid> / eavesdrop-command: <key>
/** Sets who hears a barger; takes 20-40 ms. Sent while the leg still rings, it applies on answer. No event tells that
 *  it was applied, and the switch says +OK for a leg that is gone: know that the leg lives. */
export const superviseAs = (supervisorUuid: ChannelUuid, heardBy: HeardBy): EslMessage => ({
  eventName: 'CUSTOM',
  headers: [
    ['Event-Subclass', EAVESDROP_SUBCLASS],
    ['unique-id', supervisorUuid],
    ['eavesdrop-command', EAVESDROP_KEYS[heardBy]],
  ],
})

// uuid_exists <uuid>
/** Answers `true` or `false`, without a line end. */
export const channelExists = (channelUuid: ChannelUuid): EslCommand => asCommand(`uuid_exists ${channelUuid}`)

// uuid_dump <uuid> json
/** Answers with the channel's headers as one JSON object, values as they are (not percent-encoded). An array is
 *  possible in `variable_transfer_history`. */
export const dumpChannel = (channelUuid: ChannelUuid): EslCommand =>
  asCommand(`uuid_dump ${channelUuid} json`)

// show registrations as json
/** What phones are bound to at this moment, with the contact of each: a reply of some 0.4 KB for each. Of an account that has
 *  several it lists the newest alone, unless switch.conf has `multiple-registrations`. */
export const listRegistrations = (): EslCommand => asCommand('show registrations as json')

// sofia xmlstatus
/** The SIP profiles that run, their aliases and gateways, in XML. */
export const listProfiles = (): EslCommand => asCommand('sofia xmlstatus')

// sofia xmlstatus profile <name> reg
/** All bindings of a profile in XML, some 1 KB each; `Invalid Profile!` where there is none. Contact and user agent are
 *  encoded, the Call-ID, which is the phone's, is not. */
export const listRegistrationsAt = (profile: ProfileName): EslCommand =>
  asCommand(`sofia xmlstatus profile ${profile} reg`)

// sofia_contact */<user>@<domain>
/** Answers with the account's contacts, commas between them, the eldest first, stale ones among them; with none
 *  `error/user_not_registered`. Without a domain the switch takes its own. */
export const contactsOfAccount = (account: Account): EslCommand => asCommand(`sofia_contact */${account}`)

// show channels as json
/** Answers `{"row_count":n,"rows":[...]}`; with none `{"row_count": 0}` alone. Rows have `uuid`, no dial id; the list
 *  lags by about 0.3 s. */
export const listChannels = (): EslCommand => asCommand('show channels as json')

// show calls as json
/** As `listChannels`, one row for each call (A `uuid`, B `b_uuid`). */
export const listCalls = (): EslCommand => asCommand('show calls as json')

// file_exists <path>
/** Answers `true` or `false`. Only for absolute files: it knows no sound prefix and no streams. */
export const fileExists = (path: MediaPath): EslCommand => asCommand(`file_exists ${path}`)

// status
/** Answers with some lines for people. */
export const switchStatus = (): EslCommand => asCommand('status')
