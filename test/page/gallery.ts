// Takes a picture of each state of the live page, for people to look at after it was changed: at a phone's, a tablet's and
// a desk's width, light and dark, and at 200 %. Run by hand:
//   SCREENSHOTS=<directory> bun test/page/gallery.ts [state …]
import { wellView } from '../live/madeUp.ts'
import { openBrowser, openPage } from './browser.ts'
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

const wanted = process.argv.slice(2)
const stage: StubStage = openStubStage(await wellView())
const browser = await openBrowser()
try {
  for (const [name, view] of Object.entries(STATES)) {
    if (wanted.length > 0 && !wanted.includes(name)) continue
    stage.view = await view()
    for (const [size, look] of LOOKS) {
      const { page, shows, picture, complaints } = await openPage(browser, stage.url, look)
      await shows('#trouble-list', /\w/)
      const [width, height] = (await page.evaluate(
        '[document.documentElement.scrollWidth - innerWidth, document.documentElement.scrollHeight]',
      )) as [number, number]
      console.log(
        await picture(`${name}-${size}`, { isWhole: true }),
        `${height} px high`,
        width > 0 ? `${width} px TOO WIDE` : '',
        ...complaints,
      )
      await page.browserContext().close()
    }
  }
} finally {
  await browser.close()
  await stage.close()
}
