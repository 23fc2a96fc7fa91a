// The pages of the two APIs as a newcomer uses them: with an icon, without a complaint, and what is tried on the public
// one is answered by the public listener.
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'bun:test'
import type { Browser, Page } from 'puppeteer-core'
import { startRedis, type TestRedis } from '../harness/redis.ts'
import { startService, type TestService } from '../harness/service.ts'
import { closePages, findChromium, openBrowser, openPage } from './browser.ts'

const chromium = findChromium()

const ADMIN_TOKEN = 'the-token-of-the-operators'

describe.skipIf(!chromium)('the API pages', () => {
  let redis: TestRedis
  let services: TestService[]
  let browser: Browser
  beforeAll(async () => {
    redis = await startRedis()
    services = await Promise.all([
      startService({ PUBSUB_REDIS_URL: redis.url }),
      startService({ PUBSUB_REDIS_URL: redis.url, ADMIN_TOKEN }),
    ])
    browser = await openBrowser()
  })
  afterEach(() => closePages(browser))
  afterAll(async () => {
    await browser?.close()
    await Promise.all(services?.map(each => each.kill()) ?? [])
    await redis?.close()
  })

  /** Opens a route, and has its example sent. @returns what the page shows of the answer. */
  async function tryRoute(page: Page, operationId: string): Promise<string> {
    const route = `[id$="${operationId}"]`
    await page.waitForSelector(`${route} .opblock-summary-control`)
    for (const button of ['.opblock-summary-control', '.try-out__btn', '.execute']) {
      await page.waitForSelector(`${route} ${button}`)
      await page.$eval(`${route} ${button}`, each => (each as unknown as { click(): void }).click())
    }
    await page.waitForSelector(`${route} .live-responses-table`)
    return page.$eval(route, each => (each as unknown as { textContent: string }).textContent)
  }

  test('of the public listener tries a wake, and shows the request as a PBX would send it', async () => {
    const { page, complaints, picture } = await openPage(
      browser,
      `${services[0]!.internalUrl}/openapi/public`,
    )
    const shown = await tryRoute(page, 'incomingCall')
    expect(shown).toContain(`${services[0]!.publicUrl}/api/incoming-call/`)
    expect(shown).toContain('status=NAK')
    expect(shown).toContain('no-device')
    await picture('openapi-public')
    expect(complaints).toEqual([])
  })

  test('of the public listener asks for the token where the internal one wants it', async () => {
    const { page, complaints } = await openPage(browser, `${services[1]!.internalUrl}/openapi/public`)
    page.on('dialog', dialog => void dialog.accept(ADMIN_TOKEN))
    expect(await tryRoute(page, 'incomingCall')).toContain('status=NAK')
    expect(complaints).toEqual([])
  })

  test('of the internal listener has nothing to complain about', async () => {
    const { page, complaints } = await openPage(browser, `${services[0]!.internalUrl}/openapi`)
    await page.waitForSelector('.opblock-summary-control')
    expect(complaints).toEqual([])
  })
})
