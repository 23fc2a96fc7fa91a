// Takes the pictures of the live page that the documents show: a busy hour is made up in Redis, calls and wakes are
// real ones at the test switch. Run by hand when the page has changed:
//   SCREENSHOTS=docs/images bun test/page/portraits.ts

import { openLog } from '../../src/base/log.ts'
import { minuteOf } from '../../src/live/minuteCounts.ts'
import { classOf } from '../../src/live/roundTrips.ts'
import { openRedis } from '../../src/redis/connect.ts'
import { openMinutes } from '../../src/redis/pods/minutes.ts'
import { askPbx, registerPhone } from '../harness/client.ts'
import { eventually } from '../harness/internal.ts'
import { openBrowser, openPage } from './browser.ts'
import { aspJob, openStage, PHONES } from './stage.ts'

await using stage = await openStage({ APP_PUSH_ROUNDTRIP_WAIT: '30000', RING_TIMEOUT: '120' })
await makeUpAnHour()
await stage.agent()
await stage.agent()

const calls: [dialId: string, more: Record<string, unknown>][] = [
  ['sales-20417', { org_id: 'acme', user_id: 'agent-11' }],
  ['support-7731', { org_id: 'acme', user_id: 'agent-27' }],
  ['collect-0093', { org_id: 'northwind', user_id: 'agent-04', callee_number: PHONES.ringing }],
  ['sales-20418', { org_id: 'acme', user_id: 'agent-30' }],
  ['no-luck-12', { org_id: 'northwind', user_id: 'agent-08', callee_number: PHONES.busy }],
  ['typo-3', { callee_number: 'five-five-five' }],
]
for (const [dialId, more] of calls) await stage.dial(aspJob(dialId, more))
const { publicUrl, internalUrl } = stage.front
await registerPhone(publicUrl, { sip_user_id: '204921', token: '1'.repeat(64) }, 'apns')
await registerPhone(publicUrl, { sip_user_id: '204388', token: 'token-2' })
await askPbx(publicUrl, { sip_user_id: '204000', call_id: 'pbx1-1795331.40' })
void askPbx(publicUrl, { sip_user_id: '204921', call_id: 'pbx1-1795331.77' }).catch(() => undefined)

const browser = await openBrowser()
try {
  const desk = await openPage(browser, internalUrl, { width: 1200, height: 850 })
  await desk.shows('#calls', /support-7731.* Both answered/)
  await desk.page.click('[data-id="support-7731"] [data-act=barge]')
  await desk.page.type('#barge-number', PHONES.supervisor)
  await desk.page.type('#barge-caller', PHONES.callee)
  await desk.page.keyboard.press('Enter')
  await desk.shows('#calls', 'is in the call')
  await desk.page.click('[data-mode=whisper]')
  await desk.page.waitForSelector('[data-mode=whisper][aria-pressed=true]')
  await desk.shows('#lately', 'no-luck-12')
  void askPbx(publicUrl, { sip_user_id: '204388', call_id: 'pbx2-1795334.02' }).catch(() => undefined)
  await desk.shows('#waits', /pbx2-1795334\.02.* push [2-9]/)
  await eventually('no note in the way', async () => (await desk.page.$$('.notice')).length === 0)
  await desk.picture('live-page')
  const dark = await openPage(browser, internalUrl, { width: 1200, height: 850, colours: 'dark' })
  await dark.shows('#calls', 'is in the call')
  await dark.picture('live-page-dark')
  const phone = await openPage(browser, internalUrl, { width: 360, height: 740, scale: 1.5 })
  await phone.shows('#calls', 'is in the call')
  await phone.picture('live-page-phone')
  await desk.page.setViewport({ width: 1200, height: 640 })
  await desk.page.goto(`${internalUrl}/#timeline=no-luck-12`)
  await desk.shows('#drawer-entries', 'The call is over')
  await desk.picture('live-page-timeline')
} finally {
  await browser.close()
}

/** Some 60 pushes a minute, a gap, and ten minutes in which Google had a fault. */
async function makeUpAnHour(): Promise<void> {
  const log = openLog({ level: 'silent', showsFullNumbers: false, isPretty: false }, 'portraits')
  const redis = openRedis({ url: stage.redis.url, connectTimeoutMs: 1_000 }, 'commands', log)
  await eventually('a connection', () => redis.status === 'ready')
  const minutes = openMinutes(redis)
  const now = minuteOf(Date.now())
  for (let ago = 59; ago > 0; ago--) {
    const counts = new Map<string, number>()
    const add = (name: string, times: number) => counts.set(name, (counts.get(name) ?? 0) + Math.round(times))
    const load = 40 + 16 * Math.sin(ago / 9) + 5 * Math.sin(ago * 2.1)
    const isFaulty = ago > 12 && ago < 23
    add('push.apns.accepted', load * 0.6)
    add('push.android.accepted', isFaulty ? load * 0.1 : load * 0.4)
    if (isFaulty) add('push.android.retry-later', load * 0.4)
    if (ago % 8 === 0) add('push.android.token-gone', 3)
    if (isFaulty && ago % 3 === 0) add('push.android.refused', 4)
    const confirmed = Math.round(isFaulty ? load * 0.7 : load)
    add('wake.confirmed', confirmed)
    if (isFaulty) add('wake.timeout', load * 0.08)
    if (ago % 6 === 0) add('wake.no-device', 2)
    if (ago % 4 === 0) add('wake.caller-gone', 2)
    for (let index = 0; index < confirmed; index++) {
      const usual = 320 + (240 * ((index * 37) % 100)) / 100
      const slow = index % 23 === 0 ? 700 + 9 * ((ago * 31) % 60) : 0
      add(`trip.${classOf((usual + slow) * (isFaulty ? 1.7 : 1))}`, 1)
    }
    add('hangup.NORMAL_CLEARING', load * 0.5)
    add('hangup.NO_ANSWER', load * 0.06)
    if (ago % 3 === 0) add('hangup.USER_BUSY', 2)
    await minutes.add(now - ago, counts)
  }
  redis.disconnect()
}
