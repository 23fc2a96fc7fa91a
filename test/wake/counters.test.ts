// What operators see of the wakes: our own counters, and vialer-middleware's under the names that their dashboards
// know.
import { expect, test } from 'bun:test'
import { answer, askPbx, registerPhone } from '../harness/client.ts'
import { forAllTests } from '../harness/forAllTests.ts'
import { readMetrics } from '../harness/internal.ts'
import { startVendorService } from '../harness/vendor.ts'

const [, service] = forAllTests(startVendorService, {
  APP_PUSH_ROUNDTRIP_WAIT: '800',
  APP_PUSH_RESEND_INTERVAL: '60000',
})

const ask = (account: string, callId: string) =>
  askPbx(service.publicUrl, { sip_user_id: account, call_id: callId })
async function answerPushed(callId: string, fields: Record<string, string> = {}): Promise<void> {
  const push = await service.sent(({ payload }) => payload.call_id === callId)
  await answer(push.payload as Record<string, string>, { baseUrl: service.publicUrl, fields })
}

test('every outcome of a call is counted, in our words and in the former ones', async () => {
  await registerPhone(service.publicUrl, { sip_user_id: '1601' }, 'apns')
  await registerPhone(service.publicUrl, { sip_user_id: '1602' }, 'gcm')
  await registerPhone(service.publicUrl, { sip_user_id: '1602' }, 'gcm')
  await registerPhone(service.publicUrl, { sip_user_id: '1603', app: 'org.example.unknown' })
  const calls = [
    ask('1601', 'confirmed'),
    ask('1602', 'unavailable'),
    ask('1601', 'timeout'),
    ask('1699', 'none'),
  ]
  await answerPushed('confirmed')
  await answerPushed('unavailable', { available: 'false' })
  await service.sent(({ payload }) => payload.call_id === 'timeout')
  expect((await Promise.all(calls)).map(each => each.reason)).toEqual([
    'confirmed',
    'unavailable',
    'timeout',
    'no-device',
  ])

  const metrics = await readMetrics(service.internalUrl)
  const expected = {
    'hookswitch_incoming_calls_total{status="ACK",reason="confirmed"}': 1,
    'hookswitch_incoming_calls_total{status="NAK",reason="unavailable"}': 1,
    'hookswitch_incoming_calls_total{status="NAK",reason="timeout"}': 1,
    'hookswitch_incoming_calls_total{status="NAK",reason="no-device"}': 1,
    'hookswitch_wait_seconds_count{status="ACK"}': 1,
    'hookswitch_wait_seconds_count{status="NAK"}': 3,
    'hookswitch_app_round_trip_seconds_count{platform="apns"}': 1,
    'hookswitch_call_responses_total{verdict="proceed"}': 2,
    'hookswitch_pushes_total{platform="apns",outcome="accepted"}': 2,
    'hookswitch_pushes_total{platform="gcm",outcome="accepted"}': 1,
    'hookswitch_push_seconds_count{platform="apns"}': 2,
    'hookswitch_registrations_total{platform="apns",result="created"}': 1,
    'hookswitch_registrations_total{platform="gcm",result="created"}': 1,
    'hookswitch_registrations_total{platform="gcm",result="updated"}': 1,
    'hookswitch_registrations_total{platform="android",result="unknown-app"}': 1,
    hookswitch_waits: 0,
    hookswitch_wait_worker_crashes_total: 0,
    hookswitch_redis_ready: 1,

    'vialer_middleware_incoming_call_success_total{action="Received",os="Middleware"}': 3,
    'vialer_middleware_incoming_call_failed_total{action="Received",failed_reason="failed no sip_user_id",os="Middleware"}': 1,
    'vialer_middleware_push_notification_success_total{direction="Incoming",os="apns"}': 1,
    'vialer_middleware_push_notification_failed_total{direction="Incoming",os="gcm",failed_reason="Device not available"}': 1,
    'vialer_middleware_push_notification_failed_total{direction="Incoming",os="apns",failed_reason="Unable to get response from phone"}': 1,
    redis_health: 1,
  }
  expect(Object.fromEntries(Object.keys(expected).map(series => [series, metrics.get(series)]))).toEqual(
    expected,
  )
})

test('all names of the former middleware are on the page, also before anything was counted', async () => {
  const page = await (await fetch(`${service.internalUrl}/metrics`)).text()
  for (const name of [
    'vialer_middleware_incoming_call_success_total',
    'vialer_middleware_incoming_call_failed_total',
    'vialer_middleware_push_notification_success_total',
    'vialer_middleware_push_notification_failed_total',
    'vialer_call_success_total',
    'vialer_call_failure_total',
    'vialer_hangup_reason_total',
  ])
    expect(page).toContain(`# TYPE ${name} counter`)
  expect(page).toContain('# TYPE redis_health gauge')
})

test('calls that are held show while they are', async () => {
  const held = ask('1601', 'shown')
  await service.sent(({ payload }) => payload.call_id === 'shown')
  expect((await readMetrics(service.internalUrl)).get('hookswitch_waits')).toBe(1)
  await answerPushed('shown')
  await held
  expect((await readMetrics(service.internalUrl)).get('hookswitch_waits')).toBe(0)
})
