// Takes a picture of each state of the live page, and of all that opens above it, for people to look at after it was
// changed: at a phone's, a tablet's and a desk's width, light and dark, and at 200 %. Run by hand:
//   SCREENSHOTS=<directory> bun test/page/gallery.ts [state …]
import { wellView } from '../live/madeUp.ts'
import { type OpenPage, openBrowser, openPage } from './browser.ts'
import { STATES } from './states.ts'
import { openStubStage, type StubStage } from './stubStage.ts'

const LOOKS: [name: string, look: Parameters<typeof openPage>[2]][] = [
  ['390', { width: 390, height: 844 }],
  ['390-dark', { width: 390, height: 844, colours: 'dark' }],
  ['1024', { width: 1024, height: 768 }],
  ['1440', { width: 1440, height: 900 }],
  ['1440-dark', { width: 1440, height: 900, colours: 'dark' }],
  // What is left of a desk at 200 %.
  ['200-percent', { width: 720, height: 450, scale: 2 }],
]

/** What opens above the busy page, by what is done for it. */
const ABOVE: Record<string, (open: OpenPage) => Promise<unknown>> = {
  barge: async ({ page, shows }) => {
    stage.answer = () => ({ status: 422, body: { detail: 'phone_number must be a number: 1-20 digits' } })
    await page.click('[data-act=barge]')
    await page.type('#barge-number', '0151 no number')
    await page.type('#barge-caller', '+15105550100')
    await page.click('#barge button.main')
    await shows('#barge-wrong', 'Not done')
  },
  hangup: ({ page }) => page.click('[data-act=hangup]'),
  notices: async ({ page, shows }) => {
    stage.answer = path => (path.endsWith('whisper') ? { status: 200 } : { status: 504 })
    await page.click('[data-mode=whisper]')
    await page.click('[data-mode=threeway]')
    await shows('#notices', /hears the barger now.* whether threeway was obeyed is unknown/)
  },
  timeline: async ({ page, shows }) => {
    stage.answer = () => ({ status: 200, body: TIMELINE })
    await page.click('#calls .link')
    await shows('#drawer-entries', 'The two phones')
  },
  account: async ({ page, shows }) => {
    stage.answer = () => ({ status: 200, body: ACCOUNT })
    await page.type('#search-text', '204921')
    await page.keyboard.press('Enter')
    await shows('#drawer-summary', 'What is known')
  },
  unknown: async ({ page, shows }) => {
    stage.answer = () => ({ status: 404 })
    await page.type('#search-text', 'nobody-knows-this')
    await page.keyboard.press('Enter')
    await shows('#drawer-summary', 'Nothing is known')
  },
  login: async ({ page }) => {
    stage.isLocked = true
    await page.reload()
    await page.waitForSelector('#login[open]')
    stage.isLocked = false
  },
}

const at = 1_795_331_400
const by = 'web-1-11111111-aaaaaaaa'
const TIMELINE = {
  kind: 'call',
  id: 'sales-20400',
  summary: 'Both answered, 1:53, two listen.',
  entries: [
    {
      at,
      by,
      what: 'job-taken',
      text: 'The agent takes the job from talkiq-asp.calls: a call from …100 to …300 at 10.0.0.5:8021.',
    },
    {
      at: at + 0.012,
      by,
      what: 'originate',
      text: "The dial id is claimed, and the switch is told to call the caller's phone (A-leg, side 0) through the gateway flowroute.",
    },
    {
      at: at + 2.4,
      by,
      what: 'leg',
      state: 'answered',
      text: "The caller's phone (A-leg, side 0) is answered.",
    },
    { at: at + 7.9, by, what: 'bridge', text: 'The two phones are connected and hear each other.' },
    {
      at: at + 63.1,
      by: 'web-2-22222222',
      what: 'ordered',
      text: 'The internal API is asked for barge, from 10.0.0.3 with the token ann.',
    },
    {
      at: at + 113,
      by,
      what: 'failure',
      text: 'unknown outcome: the agent or the switch died at the wrong moment, so nobody can say whether the phone rang.',
    },
  ],
  left_out: 3,
}
const ACCOUNT = {
  kind: 'account',
  account: '204921',
  calls: [
    { id: 'pbx1-1795331.77', at, summary: 'The phone was woken: its app confirmed 0.41 s after the push.' },
    {
      id: 'pbx1-1795330.02',
      at: at - 900,
      summary: 'The phone did not ring, because its app answered that it is not available.',
    },
  ],
}

const wanted = process.argv.slice(2)
const stage: StubStage = openStubStage(await wellView())
const browser = await openBrowser()

async function take(
  name: string,
  act: (open: OpenPage) => Promise<unknown>,
  isWhole: boolean,
): Promise<void> {
  for (const [size, look] of LOOKS) {
    const open = await openPage(browser, stage.url, look)
    const { page, shows, picture, complaints } = open
    await shows('#trouble-list', /\w/)
    await act(open)
    const [width, height] = (await page.evaluate(
      '[document.documentElement.scrollWidth - innerWidth, document.documentElement.scrollHeight]',
    )) as [number, number]
    const isWide = width > 0 ? `${width} px TOO WIDE` : ''
    console.log(await picture(`${name}-${size}`, { isWhole }), `${height} px high`, isWide, ...complaints)
    await page.browserContext().close()
  }
}

try {
  const isWanted = (name: string) => wanted.length === 0 || wanted.includes(name)
  for (const [name, view] of Object.entries(STATES)) {
    if (!isWanted(name)) continue
    stage.view = await view()
    await take(name, async () => undefined, true)
  }
  stage.view = await STATES.busy!()
  for (const [name, act] of Object.entries(ABOVE)) if (isWanted(name)) await take(name, act, false)
} finally {
  await browser.close()
  await stage.close()
}
