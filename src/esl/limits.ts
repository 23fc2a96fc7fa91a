// Every bound of one switch link, with its reason. Time is in milliseconds. Nothing here acts.
import { FRAME_LIMITS } from './frames.ts'

export interface LinkLimits {
  /** TCP connect, name lookup included. */
  connectTimeoutMs: number
  /** From the TCP connection to the last reply of the subscription: a silent server must not hold us. */
  handshakeTimeoutMs: number
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
  /** Commands sent and not yet replied to. FreeSWITCH takes one after the other: more would only wait there. */
  waitingCommandsMax: number
  /** Background jobs whose result is not in yet: one for each ringing phone. */
  jobsMax: number
  /** Bytes kept for a switch that has stopped reading. A command is below 2 KB. */
  unsentBytesMax: number
  headBytesMax: number
  bodyBytesMax: number
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
  unsentBytesMax: 1024 * 1024,
  ...FRAME_LIMITS,
}
