// Every bound of an event socket, with its reason: those of any connection, those of a link to a switch, and those of a
// connection that a switch makes for one channel. Time is in milliseconds. Nothing here acts.
import { FRAME_LIMITS, type FrameLimits } from './frames.ts'
import type { ShareLimits } from './shares.ts'

/** What every connection is bounded by, whoever made it. */
export interface ConnectionLimits extends FrameLimits {
  /** TCP connect, name lookup included. */
  connectTimeoutMs: number
  /** From the TCP connection to the last reply of the handshake: a silent peer must not hold us. */
  handshakeTimeoutMs: number
  /** Commands sent and not yet replied to. FreeSWITCH takes one after the other: more would only wait there. */
  waitingCommandsMax: number
  /** Bytes kept for a switch that has stopped reading. A command is below 2 KB. */
  unsentBytesMax: number
}

export interface LinkLimits extends ConnectionLimits, ShareLimits {
  /** A command's reply, where the caller names no time. FreeSWITCH answers in 1-2 ms; `api` waits for the command. */
  commandTimeoutMs: number
  /** FreeSWITCH's `event-heartbeat-interval`: 20 s unless switch.conf says otherwise. */
  heartbeatIntervalMs: number
  /** After so many intervals without a byte the link is probed, and dropped when the probe gets no answer. */
  heartbeatsMissedMax: number
  /** Delay before the first retry; it doubles with each further one up to the maximum, which bounds how long calls
   *  stay unattended once the switch is back. */
  reconnectMinMs: number
  reconnectMaxMs: number
  /** After a refusal (password, access list) only a person can help: ask rarely, so that the logs stay readable. */
  refusedRetryMs: number
  /** Background jobs whose result is not in yet: one for each ringing phone. */
  jobsMax: number
}

export const LINK_LIMITS: LinkLimits = {
  connectTimeoutMs: 5_000,
  handshakeTimeoutMs: 5_000,
  commandTimeoutMs: 5_000,
  heartbeatIntervalMs: 20_000,
  heartbeatsMissedMax: 3,
  reconnectMinMs: 100,
  reconnectMaxMs: 3_000,
  refusedRetryMs: 30_000,
  waitingCommandsMax: 1_000,
  jobsMax: 10_000,
  // At 2 ms for each an order waits 40 ms behind them, at a slow switch's 100 ms two seconds of its five.
  lookupsMax: 20,
  lookupsQueuedMax: 20_000,
  originatesMax: 500,
  unsentBytesMax: 1024 * 1024,
  ...FRAME_LIMITS,
}

export interface ChannelLimits extends ConnectionLimits {
  /** A command's reply. FreeSWITCH answers in 1-2 ms. */
  commandTimeoutMs: number
}

/** For a peer that connected to us, of which there may be one for each ringing phone: less memory each. */
export const CHANNEL_LIMITS: ChannelLimits = {
  // An accepted socket is connected.
  connectTimeoutMs: 0,
  handshakeTimeoutMs: 5_000,
  commandTimeoutMs: 5_000,
  waitingCommandsMax: 32,
  unsentBytesMax: 64 * 1024,
  // All variables of the channel: 5 KB as a rule, more where a dialplan keeps documents in them.
  headBytesMax: 256 * 1024,
  // Events of one channel, up to 13 KB as a rule.
  bodyBytesMax: 1024 * 1024,
}
