// One function for each thing that happens in a wake: it writes the log line and counts, together, so that a
// dashboard and a log never tell two stories. vialer-middleware's counters are fed here too.
import type { Log } from '../log.ts'
import type { Metrics } from '../metrics.ts'
import type { Platform, PushOutcome } from '../push/push.ts'
import type { Verdict } from '../redis/wakes.ts'
import { toSeconds } from '../units.ts'
import type { IncomingCall, WakeOutcome } from './wake.ts'

export type WakeEvents = ReturnType<typeof createWakeEvents>

export function createWakeEvents(log: Log, metrics: Metrics) {
  const { legacy } = metrics
  return {
    callArrived(call: IncomingCall): void {
      log.info({ callId: call.callId, account: call.account, phonenumber: call.phonenumber }, 'incoming call')
    },

    pushed(callId: string, push: { platform: Platform; attempt: number; outcome: PushOutcome }): void {
      const { platform, attempt, outcome } = push
      const fields = { callId, platform, attempt, outcome: outcome.kind, ...reasonOf(outcome) }
      if (outcome.kind === 'refused') log.error(fields, 'push refused')
      else log.info(fields, 'push sent')
    },

    deviceForgotten(account: string, platform: Platform): void {
      log.info({ account, platform }, 'push token is gone: device forgotten')
    },

    callAnswered(
      callId: string,
      answered: { outcome: WakeOutcome; waitedMs: number; platform?: Platform; roundTripMs?: number },
    ): void {
      const { outcome, waitedMs, platform, roundTripMs } = answered
      log.info(
        { callId, status: outcome.status, reason: outcome.reason, waitedMs, roundTripMs },
        'incoming call answered',
      )
      metrics.incomingCalls.inc({ status: outcome.status, reason: outcome.reason })
      metrics.waitSeconds.observe({ status: outcome.status }, toSeconds(waitedMs))
      if (platform && roundTripMs !== undefined)
        metrics.appRoundTripSeconds.observe({ platform }, toSeconds(roundTripMs))
      countLegacy(outcome, platform)
    },

    appAnswered(callId: string, answer: { verdict: Verdict; isAvailable: boolean }): void {
      log.info({ callId, ...answer }, 'app answered')
      metrics.callResponses.inc({ verdict: answer.verdict })
    },

    callEnded(callId: string, reason: string): void {
      log.info({ callId, reason }, 'call ended')
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

const reasonOf = (outcome: PushOutcome): { reason?: string } =>
  'reason' in outcome ? { reason: outcome.reason } : {}
