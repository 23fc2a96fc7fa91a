// Provides the browser in which the tests of the live page run: the one that is named, the one on PATH, or, where that was
// agreed to beforehand, Debian's package. Without one those tests are skipped, and how to run them is said in one line.
import { installPackage, SYSTEM_PATH } from './debian.mjs'
import { isExpected } from './failure.mjs'
import { findProgram, isExecutable } from './program.mjs'

/** As distributions name it. */
const PROGRAMS = ['chromium', 'chromium-browser', 'google-chrome-stable', 'google-chrome']

/** A hundred megabytes. Whoever runs the tests must not wait longer for a few of them; apt goes on, and the next run has
 *  it. */
const INSTALL_MAX_MS = 90_000

const REMEDY =
  'The tests of the live page are skipped; they run where chromium is (Debian: sudo apt install chromium; or CHROMIUM=<its path>; or --yes).'

/** Finds or installs it. Never fails: it says what is missing.
 *  @param {{ projectDir: string, env: Record<string, string | undefined>, say: (line: string) => void,
 *    isAgreed?: boolean, systemPath?: string, userId?: number, installMaxMs?: number }} context
 *  @returns {Promise<string | undefined>} its path */
export async function provideChromium(context) {
  const found = findChromium(context)
  if (found) return found
  const { isAgreed, installMaxMs = INSTALL_MAX_MS } = context
  if (isAgreed && !context.env.CHROMIUM) {
    try {
      const install = installPackage('chromium', { ...context, remedy: REMEDY })
      if (!(await endsWithin(installMaxMs, install))) {
        context.say(`chromium is not installed yet. ${REMEDY}`)
        return undefined
      }
      const installed = findChromium(context)
      if (installed) return installed
    } catch (error) {
      if (!isExpected(error) || error.exitCode !== 1) throw error
      context.say(error.message)
      return undefined
    }
  }
  context.say(REMEDY)
  return undefined
}

function endsWithin(limitMs, work) {
  let timer
  const late = new Promise(resolve => {
    timer = setTimeout(resolve, limitMs, false)
  })
  return Promise.race([work.then(() => true), late]).finally(() => clearTimeout(timer))
}

function findChromium({ env, systemPath = SYSTEM_PATH }) {
  if (env.CHROMIUM) return isExecutable(env.CHROMIUM) ? env.CHROMIUM : undefined
  for (const path of [env.PATH, systemPath])
    for (const program of PROGRAMS) {
      const found = findProgram(program, path)
      if (found) return found
    }
  return undefined
}
