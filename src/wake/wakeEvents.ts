// One function for each thing that happens in a wake: it writes the log line, counts, and notes it in the call's
// timeline, together, so that a dashboard, a log and a timeline never tell three stories. vialer-middleware's counters
// are fed here too.
import type { Log } from '../base/log.ts'
import type { Metrics } from '../base/metrics.ts'
import { toSeconds } from '../base/units.ts'
import type { Platform, PushOutcome } from '../push/push.ts'
import type { Device } from '../redis/devices/devices.ts'
import type { Answered } from '../redis/wakes/wakes.ts'
import { FOUND_DEVICES_MAX, type FoundDevice, type WakeEntry } from '../timeline/entry.ts'
import type { Recorder } from '../timeline/recorder.ts'
import type { Statistics } from './appStatistics.ts'
import type { PushDue } from './waitMessages.ts'
import type { WaitLimit } from './waitPool.ts'
import type { IncomingCall, SaidPriority, WakeOutcome } from './wake.ts'

export type WakeEvents = ReturnType<typeof createWakeEvents>

/** Told of each answer to a PBX, for the operators' page. @param roundTripMs of a confirmed wake that we pushed. */
export type OnWakeAnswered = (callId: string, outcome: WakeOutcome, roundTripMs?: number) => void

export function createWakeEvents(
  log: Log,
  metrics: Metrics,
  timeline: Pick<Recorder, 'add'>,
  onAnswered: OnWakeAnswered,
) {
  const { legacy } = metrics
  return {
    callArrived(call: IncomingCall): void {
      const { callId, account, phonenumber, callerId, traceparent, isJob } = call
      log.info({ callId, account, phonenumber }, 'incoming call')
      const about = traceparent === undefined ? { account } : { account, traceparent }
      timeline.add(callId, { what: 'request', account, phonenumber, callerId, isJob }, about)
    },

    /** No further wait can be held. */
    callRefused({ callId, account }: IncomingCall, limit: WaitLimit): void {
      log.warn({ callId, account, limit }, 'incoming call refused: too many wait')
      timeline.add(callId, { what: 'request-refused', account, limit }, { account })
    },

    /** The same call waits already: this request gets that one's outcome. */
    callJoined({ callId, account }: IncomingCall): void {
      timeline.add(callId, { what: 'joined', account })
    },

    /** As many requests of the call wait as may. */
    joinRefused({ callId, account }: IncomingCall): void {
      timeline.add(callId, { what: 'join-refused', account })
    },

    /** @param uniqueKeys the devices', in their order: the timeline is found by them too. */
    pushing(
      { callId, account }: IncomingCall,
      { attempt, devices, usualMs, afterMs }: PushDue,
      uniqueKeys: readonly string[],
    ): void {
      const isFirst = attempt === 1
      const [device] = devices
      const budget = usualMs === undefined || !device ? {} : { ...named(device), usualMs, afterMs }
      const found = isFirst ? devices.slice(0, FOUND_DEVICES_MAX).map(foundPhone) : undefined
      timeline.add(
        callId,
        { what: 'push-sent', account, attempt, devices: devices.length, found, ...budget },
        { uniqueKeys },
      )
    },

    pushed(
      { callId, account }: IncomingCall,
      push: { device: Device; attempt: number; outcome: PushOutcome; tookMs: number },
    ): void {
      const { device, attempt, outcome, tookMs } = push
      const { id, platform } = device
      const reason = 'reason' in outcome ? outcome.reason : undefined
      const fields = { callId, platform, attempt, outcome: outcome.kind, reason }
      if (outcome.kind === 'refused') log.error(fields, 'push refused')
      else log.info(fields, 'push sent')
      timeline.add(callId, {
        what: 'push-answered',
        account,
        device: id,
        platform,
        attempt,
        outcome: outcome.kind,
        reason,
        tookMs,
        isLogged: outcome.kind === 'accepted' ? outcome.isLogged : undefined,
      })
    },

    deviceForgotten({ callId, account }: IncomingCall, device: Device): void {
      log.info({ account, platform: device.platform }, 'push token is gone: device forgotten')
      timeline.add(callId, { what: 'device-forgotten', account, ...named(device) })
    },

    /** @param answered.atMs when: it is told a little later. */
    callAnswered(
      { callId, account, isJob }: IncomingCall,
      answered: {
        outcome: WakeOutcome
        waitedMs: number
        atMs: number
        platform: Platform | undefined
        roundTripMs: number | undefined
        /** That the device which confirmed was sent. */
        pushes: number | undefined
      },
    ): void {
      const { outcome, waitedMs, atMs, platform, roundTripMs, pushes } = answered
      log.info(
        { callId, status: outcome.status, reason: outcome.reason, waitedMs, roundTripMs },
        'incoming call answered',
      )
      if (!isJob) {
        metrics.incomingCalls.inc({ status: outcome.status, reason: outcome.reason })
        metrics.waitSeconds.observe({ status: outcome.status }, toSeconds(waitedMs))
        countLegacy(outcome, platform)
      }
      if (platform && roundTripMs !== undefined)
        metrics.appRoundTripSeconds.observe({ platform }, toSeconds(roundTripMs))
      if (pushes !== undefined) metrics.pushesPerAnswer.observe(pushes)
      const { status, reason, deviceId: device } = outcome
      const told = { status, reason, waitedMs, device, roundTripMs, isJob }
      const entry: WakeEntry = { what: 'outcome', account, ...told }
      timeline.add(callId, entry, { atMs })
      onAnswered(callId, outcome, roundTripMs)
    },

    /** @param how.atMs when the answer came in: the PBX's own may have left before the verdict is back. */
    appAnswered(
      { verdict, by }: Answered,
      how: {
        isAvailable: boolean
        atMs: number
        priority?: SaidPriority | undefined
        traceparent?: string
      },
    ): void {
      const { isAvailable, atMs, priority, traceparent } = how
      if (priority) metrics.pushPriorities.inc({ priority })
      metrics.callResponses.inc({ verdict: verdict === 'misfit' ? 'unknown' : verdict })
      if (!by || verdict === 'misfit') return
      const { wake, device } = by
      const isLowered = priority === 'normal' ? true : undefined
      log.info({ callId: wake.callId, verdict, isAvailable, isLowered }, 'app answered')
      const about = traceparent === undefined ? { atMs } : { atMs, traceparent }
      timeline.add(
        wake.callId,
        { what: 'app-answered', account: wake.account, device, isAvailable, verdict, isLowered },
        about,
      )
    },

    /** The app says later why it did not take the call. */
    appExplained(
      call: { callId: string; account: string; reason: string },
      { isKnown }: { isKnown: boolean },
    ): void {
      const { callId, account, reason } = call
      log.info(call, 'app says why it did not take the call')
      if (!isKnown) return
      timeline.add(callId, { what: 'app-explained', account, reason: reason.slice(0, REASON_CHARACTERS_MAX) })
    },

    /** The app reports how the call went: the counters have it all, the timeline what explains a bad one. */
    appReported({ callId, account, report }: { callId: string; account: string; report: Statistics }): void {
      const said = REPORTED_FIELDS.flatMap(field => {
        const value = report[field]
        const isPlain = typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
        return isPlain && value !== '' ? [`${field} ${String(value).slice(0, REPORTED_CHARACTERS_MAX)}`] : []
      })
      if (said.length > 0) timeline.add(callId, { what: 'app-reported', account, said: said.join(', ') })
    },

    callEnded(callId: string, reason: string): void {
      log.info({ callId, reason }, 'call ended')
      timeline.add(callId, { what: 'call-ended', reason })
    },
  }

  /** vialer-middleware's names: `os` is the platform, and a request without a device has `Middleware` there. */
  function countLegacy(outcome: WakeOutcome, platform: Platform | undefined): void {
    if (outcome.reason === 'busy') return
    if (outcome.reason === 'no-device') {
      legacy.incomingCallFailed.inc({
        action: 'Received',
        failed_reason: 'failed no sip_user_id',
        os: 'Middleware',
      })
      return
    }
    legacy.incomingCallSuccess.inc({ action: 'Received', os: 'Middleware' })
    const labels = { direction: 'Incoming', os: platform ?? 'unknown' }
    switch (outcome.reason) {
      case 'confirmed':
        return legacy.pushSuccess.inc(labels)
      case 'unavailable':
        return legacy.pushFailed.inc({ ...labels, failed_reason: 'Device not available' })
      case 'timeout':
      case 'push-refused':
        return legacy.pushFailed.inc({ ...labels, failed_reason: 'Unable to get response from phone' })
      // The middleware did not notice a PBX that hung up.
      case 'caller-gone':
        return
    }
  }
}

/** Of a report, what answers "why was it bad?". */
const REPORTED_FIELDS = [
  'call_setup_successful',
  'failed_reason',
  'hangup_reason',
  'codec',
  'mos',
  'network',
  'connection_type',
  'app_version',
]
const REPORTED_CHARACTERS_MAX = 60

/** Of an app's own words in a timeline; the log has them all. */
const REASON_CHARACTERS_MAX = 500

/** A phone as a wake found it: one that registered by SIP with where it did. */
const foundPhone = (device: Device): FoundDevice => ({ ...named(device), ...device.sip })

/** A phone, without its push token. */
const named = ({ id, platform }: Device): { device: string; platform: Platform } => ({ device: id, platform })
