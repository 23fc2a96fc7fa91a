// A real browser for the page's tests: the chromium that this machine has, driven over the DevTools protocol. What a
// page logs as an error is kept, because a page that complains is not well.
import { existsSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import puppeteer, { type Browser, type Page } from 'puppeteer-core'

/** Where distributions put it; CHROMIUM names another one, or `none`: the launcher found none, and has said so. */
const PLACES = ['chromium', 'chromium-browser', 'google-chrome-stable', 'google-chrome']

/** @returns the browser's program, or undefined on a machine that has none, which is said once for each file. */
export function findChromium(): string | undefined {
  const found = lookForChromium()
  if (!found && process.env.CHROMIUM !== 'none') console.error(HOW_TO_GET_CHROMIUM)
  return found
}

function lookForChromium(): string | undefined {
  const named = process.env.CHROMIUM
  if (named) return existsSync(named) ? named : undefined
  for (const place of PLACES) {
    const found = Bun.which(place)
    if (found) return found
  }
  return undefined
}

const HOW_TO_GET_CHROMIUM =
  'no chromium on this machine: the tests of the live page are skipped (apt-get install chromium, or CHROMIUM=/path/to/it)'

export async function openBrowser(): Promise<Browser> {
  return puppeteer.launch({
    executablePath: lookForChromium()!,
    // Root can't use its sandbox, and the only page it opens is ours.
    args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--hide-scrollbars'],
  })
}

/** Closes every tab: one that nobody looks at goes on drawing what its feed brings. */
export async function closePages(browser: Browser): Promise<void> {
  const tabs = browser.browserContexts().filter(each => each !== browser.defaultBrowserContext())
  await Promise.all(tabs.map(each => each.close()))
}

export interface OpenPage {
  page: Page
  /** What it complained about: exceptions, refused scripts, errors on its console. */
  complaints: string[]
  /** Resolves when the text stands in what the selector finds, each gap a single blank. @throws with what stood there
   *  instead. */
  shows(selector: string, text: string | RegExp): Promise<void>
  /** Takes a picture for people to look at, where `SCREENSHOTS` names a directory for it. @returns where it is. */
  picture(name: string, options?: { isWhole?: boolean }): Promise<string | undefined>
}

export interface Look {
  width?: number
  height?: number
  colours?: 'light' | 'dark'
  /** Device pixels for one of CSS. */
  scale?: number
}

/** The longest that a test waits for the page; it shows what happens within two seconds. */
const SHOWS_TIMEOUT_MS = 45_000

/** Opens a tab of its own, with cookies and storage of its own. */
export async function openPage(browser: Browser, url: string, look: Look = {}): Promise<OpenPage> {
  const context = await browser.createBrowserContext()
  const page = await context.newPage()
  const complaints: string[] = []
  page.on('pageerror', error =>
    complaints.push(`exception: ${error instanceof Error ? error.message : error}`),
  )
  page.on('console', message => {
    // A refused token and a stopped service are part of the stories.
    const isAnswer = /status of 4\d\d|ERR_CONNECTION_REFUSED|ERR_INCOMPLETE_CHUNKED/.test(message.text())
    if (message.type() === 'error' && !isAnswer) complaints.push(message.text())
  })
  const { width = 1280, height = 900, colours = 'light', scale = 1 } = look
  await page.setViewport({
    width,
    height,
    deviceScaleFactor: scale,
    isMobile: width < 500,
    hasTouch: width < 500,
  })
  // Times of day stand in tests, too.
  await page.emulateTimezone('UTC')
  await page.emulateMediaFeatures([
    { name: 'prefers-color-scheme', value: colours },
    { name: 'prefers-reduced-motion', value: 'reduce' },
  ])
  await page.goto(url)
  return {
    page,
    complaints,
    shows: (selector, text) => shows(page, selector, text),
    picture: (name, options = {}) => picture(page, name, options.isWhole ?? false),
  }
}

async function shows(page: Page, selector: string, text: string | RegExp): Promise<void> {
  const endsAtMs = Date.now() + SHOWS_TIMEOUT_MS
  let seen = ''
  for (;;) {
    // As it is seen: `innerText` leaves out what is hidden in an element, yet of an element that is hidden itself it
    // gives all.
    const script = `[...document.querySelectorAll(${JSON.stringify(selector)})]
      .filter(each => each.checkVisibility())
      .map(each => each.innerText)`
    const texts = (await page.evaluate(script)) as string[]
    seen = texts.join(' ').replace(/\s+/g, ' ').trim()
    if (typeof text === 'string' ? seen.includes(text) : text.test(seen)) return
    if (Date.now() > endsAtMs) throw new Error(`${selector} never showed ${text}; it shows: ${seen}`)
    await Bun.sleep(50)
  }
}

const directory = process.env.SCREENSHOTS

async function picture(page: Page, name: string, isWhole: boolean): Promise<string | undefined> {
  if (directory === undefined) return undefined
  await mkdir(directory, { recursive: true })
  const path = join(directory, `${name}.png`)
  await page.screenshot({ path: path as `${string}.png`, fullPage: isWhole })
  return path
}
