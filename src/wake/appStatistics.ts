// Call statistics that apps report, kept as the counters vialer-middleware had: same names, same labels, so that
// dashboards go on. Every label passes a gate, and so does their combination: an app could otherwise create series
// without end.

import { createLabelGate } from '../base/labelGate.ts'
import type { Metrics } from '../base/metrics.ts'

export type Statistics = Record<string, unknown>

/** MOS is a mean opinion score, 1.0 to 5.0: one decimal makes 41 series at most. */
const MOS_DECIMALS = 1

/** Combinations of labels that one counter keeps apart: some 5 MB. A year of real versions, networks and operators
 *  stays below; those beyond count as `other` throughout. */
const SERIES_MAX = 5_000

/** @returns a function that counts one report; a report that fits no counter is ignored. */
export function createAppStatistics({ legacy }: Metrics): (report: Statistics) => void {
  const gate = createLabelGate()
  const gates = {
    hangupReason: createSeriesGate(),
    callSuccess: createSeriesGate(),
    callFailure: createSeriesGate(),
  }
  const base = (report: Statistics) => ({
    app_version: gate('app_version', report.app_version),
    connection_type: gate('connection_type', report.connection_type),
    direction: gate('direction', report.direction),
    network: gate('network', report.network),
    // Wi-Fi has no operator; the middleware left the label out, which Prometheus stores as an empty one.
    network_operator: isWifi(report.network) ? '' : gate('network_operator', report.network_operator),
    os: gate('os', report.os),
    os_version: gate('os_version', report.os_version),
  })

  return report => {
    if (report.hangup_reason !== undefined) {
      const labels = { ...base(report), hangup_reason: gate('hangup_reason', report.hangup_reason) }
      legacy.hangupReason.inc(gates.hangupReason(labels))
    } else if (isSaid(report.call_setup_successful, 'true')) {
      const mos = typeof report.mos === 'object' ? Number.NaN : Number(report.mos)
      const labels = {
        ...base(report),
        codec: gate('codec', report.codec),
        mos: Number.isFinite(mos) ? gate('mos', mos.toFixed(MOS_DECIMALS)) : '',
      }
      legacy.callSuccess.inc(gates.callSuccess(labels))
    } else if (isSaid(report.call_setup_successful, 'false')) {
      const labels = { ...base(report), failed_reason: gate('failed_reason', report.failed_reason) }
      legacy.callFailure.inc(gates.callFailure(labels))
    }
  }
}

const isWifi = (network: unknown): boolean => typeof network === 'string' && network.toLowerCase() === 'wifi'

const isSaid = (given: unknown, text: 'true' | 'false'): boolean =>
  given === text || given === (text === 'true')

/** Lets the first combinations of one counter's labels pass as they are. */
function createSeriesGate(): <Labels extends Record<string, string>>(labels: Labels) => Labels {
  const seen = new Set<string>()
  return labels => {
    const series = JSON.stringify(labels)
    if (seen.has(series)) return labels
    if (seen.size < SERIES_MAX) {
      seen.add(series)
      return labels
    }
    return Object.fromEntries(Object.keys(labels).map(label => [label, 'other'])) as typeof labels
  }
}
