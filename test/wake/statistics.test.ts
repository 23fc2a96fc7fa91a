// Apps report how their calls went; vialer-middleware's counters count it, under labels that an app can't multiply.
import { describe, expect, test } from 'bun:test'
import { createMetrics } from '../../src/base/metrics.ts'
import { createAppStatistics } from '../../src/wake/appStatistics.ts'
import { postForm, postJson } from '../harness/client.ts'
import { forAllTests } from '../harness/forAllTests.ts'
import { readMetrics } from '../harness/internal.ts'
import { startService } from '../harness/service.ts'

const [, service] = forAllTests(startService, {})

const report = async (body: Record<string, unknown>) =>
  (await postJson(`${service.publicUrl}/api/log-metrics/`, body)).status

const call = {
  sip_user_id: '123456789',
  os: 'android',
  os_version: '15',
  app_version: '7.2.0',
  network: '4G',
  network_operator: 'KPN',
  connection_type: 'TLS',
  direction: 'Incoming',
}
const labels =
  'app_version="7.2.0",connection_type="TLS",direction="Incoming",network="4G",network_operator="KPN",os="android",os_version="15"'

/** The value of the one series of a counter that has all these labels. */
async function countOf(counter: string, ...wanted: string[]): Promise<number | undefined> {
  const metrics = await readMetrics(service.internalUrl)
  const found = [...metrics].filter(
    ([series]) => series.startsWith(`${counter}{`) && wanted.every(each => series.includes(each)),
  )
  expect(found.length).toBeLessThanOrEqual(1)
  return found[0]?.[1]
}

describe('a report of an app', () => {
  test('of a call that was set up counts as a success, with codec and mean opinion score', async () => {
    const body = { ...call, call_setup_successful: 'true', codec: 'opus', mos: '4.1832' }
    expect(await report(body)).toBe(200)
    expect(await report({ ...body, call_setup_successful: true, mos: 4.2 })).toBe(200)
    const wanted = [...labels.split(','), 'codec="opus"', 'mos="4.2"']
    expect(await countOf('vialer_call_success_total', ...wanted)).toBe(2)
  })

  test('of a call that failed counts as a failure, with its reason', async () => {
    expect(
      await report({ ...call, call_setup_successful: 'false', failed_reason: 'DECLINED_ANOTHER_CALL' }),
    ).toBe(200)
    const wanted = [...labels.split(','), 'failed_reason="DECLINED_ANOTHER_CALL"']
    expect(await countOf('vialer_call_failure_total', ...wanted)).toBe(1)
  })

  test('of why a call ended counts as a hangup reason', async () => {
    expect(await report({ ...call, hangup_reason: 'CALL_ENDED' })).toBe(200)
    const wanted = [...labels.split(','), 'hangup_reason="CALL_ENDED"']
    expect(await countOf('vialer_hangup_reason_total', ...wanted)).toBe(1)
  })

  test('over Wi-Fi has no operator', async () => {
    await report({ ...call, network: 'WiFi', hangup_reason: 'WIFI_CALL' })
    expect(await countOf('vialer_hangup_reason_total', 'network="WiFi"', 'network_operator=""')).toBe(1)
  })

  test('may be form-encoded, without an account, or about nothing we count', async () => {
    const url = `${service.publicUrl}/api/log-metrics/`
    expect((await postForm(url, { os: 'ios', hangup_reason: 'FORM' })).status).toBe(200)
    expect(await countOf('vialer_hangup_reason_total', 'hangup_reason="FORM"', 'os="ios"')).toBe(1)
    expect(await report({ something: 'else' })).toBe(200)
    expect(await report({})).toBe(200)
  })

  test('may hold values that are no text at all', async () => {
    const odd = { toString: 1, valueOf: 1 }
    expect(await report({ ...call, network: odd, os: odd, call_setup_successful: true, mos: odd })).toBe(200)
    expect(await report({ ...call, call_setup_successful: odd, hangup_reason: [odd] })).toBe(200)
    expect(service.log.filter(line => line.level === 'error')).toEqual([])
  })

  test('cannot make more than a bounded number of series, nor break the page', async () => {
    const attack = Array.from({ length: 500 }, (_, index) =>
      report({ ...call, os: 'evil', hangup_reason: `reason-${index}` }),
    )
    expect(new Set(await Promise.all(attack))).toEqual(new Set([200]))
    await report({
      ...call,
      os: 'evil"} 1\nx{y="',
      hangup_reason: { nested: true },
      app_version: 'x'.repeat(9_999),
    })
    const series = [...(await readMetrics(service.internalUrl))].filter(([name]) =>
      name.startsWith('vialer_hangup_reason_total'),
    )
    expect(series.length).toBeWithin(1, 100)
    expect(series.every(([name, value]) => name.endsWith('}') && Number.isFinite(value))).toBe(true)
    expect(Math.max(...series.map(([name]) => name.length))).toBeLessThan(600)
    const others = series.filter(
      ([name]) => name.includes('hangup_reason="other"') && name.includes('"evil"'),
    )
    expect(others.map(([, value]) => value)).toEqual([expect.any(Number)])
    expect(others[0]![1]).toBeGreaterThan(400)
  })
})

test('no mix of labels makes more than five thousand series of a counter, and none is lost from the count', async () => {
  const metrics = createMetrics()
  const count = createAppStatistics(metrics)
  const REPORTS = 8_000
  for (let index = 0; index < REPORTS; index++) {
    const digit = (place: number) => `v${Math.floor(index / 10 ** place) % 10}`
    count({
      app_version: digit(0),
      os_version: digit(1),
      network: digit(2),
      direction: digit(3),
      hangup_reason: 'X',
    })
  }
  const { values } = await metrics.legacy.hangupReason.get()
  expect(values.length).toBe(5_001)
  expect(values.reduce((sum, each) => sum + each.value, 0)).toBe(REPORTS)
})
