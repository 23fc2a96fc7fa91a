// The live page for all who use it: on a phone, in the dark, by keyboard alone, with a token, with numbers whole, while
// the service is away; and for those who would abuse it, by a name that looks like code.
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'bun:test'
import type { Browser } from 'puppeteer-core'
import { askPbx, registerPhone } from '../harness/client.ts'
import { freePort } from '../harness/redis.ts'
import { startService } from '../harness/service.ts'
import { closePages, findChromium, openBrowser, openPage } from './browser.ts'
import { aspJob, openStage, PHONES, type Stage } from './stage.ts'

const chromium = findChromium()

const HOSTILE = `<img/src=x/onerror="document.title=1"><script>alert(1)</script>`

describe.skipIf(!chromium)('the live page', () => {
  let stage: Stage
  let browser: Browser
  let url: string

  beforeAll(async () => {
    // The agent's process dies with the stage; no test here needs two.
    stage = await openStage({ APP_PUSH_ROUNDTRIP_WAIT: '60000', RING_TIMEOUT: '120' })
    await stage.agent()
    url = stage.front.internalUrl
    browser = await openBrowser()
    await stage.dial(aspJob('call-1'))
    await stage.dial(aspJob('call-2', { callee_number: PHONES.ringing }))
  })
  afterEach(() => closePages(browser))
  afterAll(async () => {
    await browser?.close()
    await stage?.[Symbol.asyncDispose]()
  })

  test('fits a phone of 360 pixels, with buttons that fingers can hit', async () => {
    const { page, shows, picture, complaints } = await openPage(browser, url, {
      width: 360,
      height: 780,
      scale: 2,
    })
    await shows('#calls', /call-1.*call-2/)
    const width = await page.evaluate('document.documentElement.scrollWidth')
    expect(width).toBe(360)
    const heights = (await page.evaluate(
      "[...document.querySelectorAll('#calls button[data-act]')].map(each => each.getBoundingClientRect().height)",
    )) as number[]
    expect(Math.min(...heights)).toBeGreaterThanOrEqual(36)
    await picture('phone', { isWhole: true })
    await page.tap('#calls [data-id="call-1"] .link')
    await shows('#drawer-title', 'call-1')
    expect(await page.evaluate("document.getElementById('drawer').getBoundingClientRect().width")).toBe(360)
    await picture('phone-timeline')
    // The way back is the phone's own.
    await page.goBack()
    await page.waitForSelector('#drawer[hidden]')
    expect(complaints).toEqual([])
  })

  test('is dark where the system is, until somebody chooses', async () => {
    const { page, shows, picture } = await openPage(browser, url, { colours: 'dark' })
    const ground = () => page.evaluate('getComputedStyle(document.body).backgroundColor')
    await shows('#calls', 'call-1')
    const dark = await ground()
    await picture('dark', { isWhole: true })
    await page.click('#theme')
    await shows('#theme', 'Colours: dark')
    expect(await ground()).toBe(dark)
    await page.click('#theme')
    await shows('#theme', 'Colours: light')
    expect(await ground()).not.toBe(dark)
    await page.reload()
    await shows('#theme', 'Colours: light')
  })

  test('is used by keyboard alone', async () => {
    const { page, shows } = await openPage(browser, url)
    await shows('#calls', /call-1.*call-2/)
    const press = async (...keys: Parameters<typeof page.keyboard.press>[0][]) => {
      for (const key of keys) await page.keyboard.press(key)
    }
    const focused = () =>
      page.evaluate(
        'document.activeElement.dataset.id ?? document.activeElement.id ?? document.activeElement.className',
      )

    await press('/')
    expect(await focused()).toBe('search-text')
    await press('Escape', 'ArrowDown')
    expect(await focused()).toBe('call-1')
    await press('ArrowDown')
    expect(await focused()).toBe('call-2')
    await press('ArrowUp', 'Enter')
    await shows('#drawer-title', 'call-1')
    expect(await focused()).toBe('drawer-title')
    await press('Escape')
    await page.waitForSelector('#drawer[hidden]')
    expect(await focused()).toBe('call-1')

    await press('b')
    await page.waitForSelector('#barge[open]')
    expect(await focused()).toBe('barge-number')
    await press('Escape')
    await page.waitForSelector('#barge:not([open])')
    expect(await focused()).toBe('call-1')
    // The focus lies on the answer that does no harm.
    await press('x')
    await page.waitForSelector('#confirm[open]')
    await press('Enter')
    await page.waitForSelector('#confirm:not([open])')
    await shows('#calls', 'call-1')

    await press('Tab', 'Tab')
    await press('Enter')
    await page.waitForSelector('#barge[open]')
  })

  test('shows a hostile name as the text that it is, wherever it comes from', async () => {
    const { page, shows, complaints } = await openPage(browser, url)
    await stage.dial(aspJob(HOSTILE))
    await shows('#queues', HOSTILE)
    const { publicUrl } = stage.front
    await registerPhone(publicUrl, { sip_user_id: '77', token: 'push-token-77' })
    const caller = new AbortController()
    const asked = askPbx(publicUrl, { sip_user_id: '77', call_id: HOSTILE }, caller.signal).catch(
      () => undefined,
    )
    await shows('#waits', HOSTILE)
    await page.click('#waits .link')
    await shows('#drawer-title', HOSTILE)
    caller.abort()
    await asked
    expect(
      await page.evaluate("document.querySelectorAll('#main img, #drawer img, #main script').length"),
    ).toBe(0)
    expect(await page.title()).toContain('hookswitch')
    expect(complaints).toEqual([])
  })

  test('says that it has lost the service, and finds it again by itself', async () => {
    const settings = {
      PUBSUB_REDIS_URL: stage.redis.url,
      INTERNAL_PORT: String(await freePort()),
    }
    const first = await startService(settings)
    const { shows, picture } = await openPage(browser, first.internalUrl)
    await shows('#calls', 'call-1')
    await first.stop()
    await shows('#connection', /no connection for 0:\d\d; trying again/)
    await shows('#trouble', 'The service is not reached. What you see is of')
    await picture('lost')
    const second = await startService(settings)
    await shows('#connection', 'live')
    await shows('#trouble', 'has one agent')
    // In good order: a killed one would be missed for half a minute.
    await second.stop()
  })

  test('says that Redis is away, and shows what was there before', async () => {
    const { page, shows } = await openPage(browser, url)
    await shows('#calls', 'call-1')
    stage.redis.pause()
    try {
      await shows('#trouble', 'Redis does not answer')
      await shows('#calls', 'call-1')
    } finally {
      stage.redis.resume()
    }
    await page.waitForSelector('body:not([data-stale])')
    await shows('#trouble', 'has one agent')
  })

  test('asks for the token where there is one, and keeps it in its tab alone', async () => {
    const token = 'the-operators-own-token'
    await using guarded = await startService({ PUBSUB_REDIS_URL: stage.redis.url, ADMIN_TOKEN: token })
    const { page, shows, picture, complaints } = await openPage(browser, guarded.internalUrl)
    await page.waitForSelector('#login[open]')
    await page.type('#login-token', 'not-the-token')
    await page.keyboard.press('Enter')
    await shows('#login-wrong', 'That was not the token.')
    await picture('login')
    await page.type('#login-token', token)
    await page.keyboard.press('Enter')
    await shows('#calls', 'call-1')
    await page.reload()
    await shows('#calls', 'call-1')
    expect(await page.evaluate('localStorage.length + document.cookie.length')).toBe(0)
    expect(page.url()).not.toContain(token)
    expect(complaints).toEqual([])
  })

  test('shows whole numbers only where the settings allow it', async () => {
    await using open = await startService({ PUBSUB_REDIS_URL: stage.redis.url, LOG_FULL_NUMBERS: 'true' })
    const whole = await openPage(browser, open.internalUrl)
    await whole.shows('#calls', PHONES.caller)
    const masked = await openPage(browser, url)
    await masked.shows('#calls', '…101')
    expect(await masked.page.content()).not.toContain(PHONES.caller)
  })
})
