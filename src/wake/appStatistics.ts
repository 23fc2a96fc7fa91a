// Call statistics that apps report, kept as the counters vialer-middleware had: same names, same labels, so that
// dashboards go on. Every label passes the gate: an app could otherwise create series without end.
import type { Metrics } from '../metrics.ts'
import { createLabelGate } from '../metrics.ts'

export type Statistics = Record<string, unknown>

/** MOS is a mean opinion score, 1.0 to 5.0: one decimal makes 41 series at most. */
const MOS_DECIMALS = 1

/** @returns a function that counts one report; a report that fits no counter is ignored. */
export function createAppStatistics({ legacy }: Metrics): (report: Statistics) => void {
  const gate = createLabelGate()
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
      legacy.hangupReason.inc({ ...base(report), hangup_reason: gate('hangup_reason', report.hangup_reason) })
    } else if (String(report.call_setup_successful) === 'true') {
      const mos = Number(report.mos)
      legacy.callSuccess.inc({
        ...base(report),
        codec: gate('codec', report.codec),
        mos: Number.isFinite(mos) ? gate('mos', mos.toFixed(MOS_DECIMALS)) : '',
      })
    } else if (String(report.call_setup_successful) === 'false') {
      legacy.callFailure.inc({ ...base(report), failed_reason: gate('failed_reason', report.failed_reason) })
    }
  }
}

const isWifi = (network: unknown): boolean => String(network).toLowerCase() === 'wifi'
