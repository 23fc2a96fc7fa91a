// The live page in a real browser, through a working day: a phone is woken, a call is made, somebody barges in and is
// let speak, an agent dies, a call fails, and somebody looks for why. Everything is done with the page's own buttons;
// what it brings about is checked at the switch. `SCREENSHOTS=<directory>` takes pictures of each step.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import type { Browser } from 'puppeteer-core'
import { answer, askPbx, registerPhone } from '../harness/client.ts'
import { eventually } from '../harness/internal.ts'
import type { TestService } from '../harness/service.ts'
import { findChromium, type OpenPage, openBrowser, openPage } from './browser.ts'
import { aspJob, openStage, PHONES, type Stage } from './stage.ts'

const chromium = findChromium()

describe.skipIf(!chromium)('the live page tells', () => {
  let stage: Stage
  let browser: Browser
  let open: OpenPage
  let firstAgent: TestService

  beforeAll(async () => {
    stage = await openStage({ APP_PUSH_ROUNDTRIP_WAIT: '20000' })
    firstAgent = await stage.agent()
    browser = await openBrowser()
    open = await openPage(browser, stage.front.internalUrl)
  })
  afterAll(async () => {
    await browser?.close()
    await stage?.[Symbol.asyncDispose]()
  })

  const row = (id: string) => `#calls [data-id="${id}"]`
  const click = (selector: string) => open.page.click(selector)
  /** What the switch lets a phone hear, by number. */
  const heardBy = (number: string): string[] => {
    const phones = stage.testSwitch.channels()
    const uuid = phones.find(phone => phone.destination === number)?.uuid
    const sounds = uuid ? [...stage.testSwitch.hears(uuid)] : []
    return sounds.map(sound => phones.find(phone => phone.uuid === sound)?.destination ?? sound).sort()
  }

  test('what to do, where there is nothing to see yet', async () => {
    await open.shows(
      '#trouble',
      /^It works: 2 processes, 1 connected agent\. .* has one agent: no other could take over its calls\./,
    )
    await open.shows('#calls-empty', 'hookswitch call')
    await open.shows('#waits-empty', 'POST /api/incoming-call/')
    await open.picture('empty', { isWhole: true })
  })

  test('of a phone that is being woken, until it confirms', async () => {
    const { publicUrl } = stage.front
    await registerPhone(publicUrl, { sip_user_id: '4921', token: 'push-token' })
    const asked = askPbx(publicUrl, { sip_user_id: '4921', call_id: 'pbx-1795.7' })
    await open.shows(
      '#waits [data-id="pbx-1795.7"]',
      /…789 calls account …921 .* of 20 s Android, push [1-9]: accepted/,
    )
    await open.picture('wake')

    await answer(await stage.front.pushed('pbx-1795.7'), { baseUrl: publicUrl })
    expect((await asked).reason).toBe('confirmed')
    await open.shows('#waits-empty', 'Nobody waits')
    await open.shows('#figures', /Wakes confirmed 100 % 1 of 1, last hour/)
    await open.shows('#pushes-legend', /accepted [1-9]/)
    await open.shows('#trips-legend', /p50 \d.* confirmed 1$/)
    await open.shows('#outcomes', /confirmed 1/)
  })

  test('of a call with its legs, and lets a supervisor listen, whisper and speak', async () => {
    await stage.dial(aspJob('sales-call-1'))
    await open.shows(row('sales-call-1'), /caller …101 → callee …102 Both answered, \d:\d\d\./)

    await click(`${row('sales-call-1')} [data-act=barge]`)
    await open.page.type('#barge-number', PHONES.supervisor)
    await open.page.type('#barge-caller', PHONES.callee)
    await open.picture('barge-dialog')
    await click('#barge button.main')
    await open.shows('#notices', `sales-call-1: ${PHONES.supervisor} is being rung.`)
    await open.shows(`${row('sales-call-1')} .barger`, /Barger …103 is in the call, \d:\d\d/)
    const speakers = [PHONES.caller, PHONES.callee, PHONES.supervisor]
    await eventually('the barger listens', () => heardBy(PHONES.supervisor).length === 2)
    expect(heardBy(PHONES.caller)).toEqual([PHONES.callee])

    await click(`${row('sales-call-1')} [data-mode=whisper]`)
    await open.shows('#notices', 'The caller alone hears the barger now.')
    await eventually('the caller hears the barger', () => heardBy(PHONES.caller).length === 2)
    expect(heardBy(PHONES.callee)).toEqual([PHONES.caller])
    await open.page.waitForSelector(`${row('sales-call-1')} [data-mode=whisper][aria-pressed=true]`)
    await open.picture('whisper')

    await click(`${row('sales-call-1')} [data-mode=threeway]`)
    await eventually('both hear the barger', () => heardBy(PHONES.callee).length === 2)
    expect(speakers.map(number => heardBy(number).length)).toEqual([2, 2, 2])
  })

  test('of an agent that died, and of the one that goes on with its calls', async () => {
    const second = await stage.agent()
    await open.shows('#agents', '2 of 2 agents connected')
    await firstAgent.kill()
    await open.shows(row('sales-call-1'), /taken over from/)
    await open.shows('#lately', /takeover sales-call-1/)
    await open.shows('#trouble', 'says nothing any more')
    await open.picture('takeover', { isWhole: true })

    // The new owner obeys.
    await click(`${row('sales-call-1')} [data-act=drop]`)
    await open.shows('#notices', 'The barger was hung up. The call goes on.')
    await eventually('the barger is gone', () => heardBy(PHONES.supervisor).length === 0)
    expect(second.process.exitCode).toBeNull()
  })

  test('of a call that could not be made, and of one that was hung up on purpose', async () => {
    await stage.dial(aspJob('no-luck', { callee_number: PHONES.busy }))
    await open.shows('#lately', /call no-luck USER_BUSY/)

    await click(`${row('sales-call-1')} [data-act=hangup]`)
    await open.shows('#confirm', 'sales-call-1, between …101 and …102, ends at once')
    await click('#confirm .cancel')
    expect(heardBy(PHONES.caller)).toEqual([PHONES.callee])
    await click(`${row('sales-call-1')} [data-act=hangup]`)
    await click('#confirm .danger')
    await open.shows('#notices', 'The call was hung up.')
    await open.shows('#calls-empty', 'No call now.')
    expect(stage.testSwitch.channels()).toEqual([])
    await open.shows('#outcomes', 'USER_BUSY')
    await open.picture('failure', { isWhole: true })
  })

  test('why, to whoever looks for it', async () => {
    await open.page.type('#search-text', 'no-luck')
    await open.page.keyboard.press('Enter')
    await open.shows('#drawer-title', 'no-luck')
    await open.shows('#drawer-entries', /busy/i)
    expect(open.page.url()).toEndWith('/#timeline=no-luck')
    await open.picture('timeline')
    await open.page.keyboard.press('Escape')
    expect(await open.page.$eval('#drawer', drawer => drawer.hasAttribute('hidden'))).toBe(true)

    // An account is found by what the PBX calls it.
    await open.page.$eval('#search-text', field => Object.assign(field, { value: '4921' }))
    await open.page.focus('#search-text')
    await open.page.keyboard.press('Enter')
    await open.shows('#drawer-summary', 'What is known of this account, the newest first, for 24 hours.')
    await open.page.click('#drawer-entries .link')
    await open.shows('#drawer-title', 'pbx-1795.7')

    // The address alone brings a colleague there.
    const colleague = await openPage(browser, `${stage.front.internalUrl}/#timeline=pbx-1795.7`)
    await colleague.shows('#drawer-summary', 'woken')
    await colleague.page.goto(`${stage.front.internalUrl}/#timeline=nobody-knows-this`)
    await colleague.shows('#drawer-summary', 'Nothing is known of it')
  })

  test('nothing to the browser that would have to be complained about', () => {
    expect(open.complaints).toEqual([])
  })
})
