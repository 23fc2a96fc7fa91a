// Asks the person at the terminal before something is installed as root. Nobody is asked where the answer is known:
// `--yes` (npm takes the flag as its own, and passes it on as npm_config_yes) and CI=true say yes beforehand. What is
// to be installed, and what follows from a no, is the caller's business.

import { constants } from 'node:os'
import { createInterface } from 'node:readline/promises'
import { LaunchFailure } from './failure.mjs'

/** A question that nobody answers is answered with no. */
const ANSWER_MAX_MS = 120_000

/** Whether installing was agreed to beforehand. */
export function isAgreed(env, args) {
  return args.includes('--yes') || env.npm_config_yes === 'true' || env.CI === 'true'
}

/** How to ask, or undefined where no terminal is.
 *  @returns {((question: string) => Promise<boolean>) | undefined} Enter alone is a yes */
export function askerAt(input, output) {
  if (!input.isTTY || !output.isTTY) return undefined
  return async question => {
    const lines = createInterface({ input, output })
    try {
      const interrupted = new Promise((_, reject) => {
        lines.once('SIGINT', () =>
          reject(new LaunchFailure('Not installed.', 128 + constants.signals.SIGINT)),
        )
      })
      const answer = lines.question(`${question} [Y/n] `, { signal: AbortSignal.timeout(ANSWER_MAX_MS) })
      return /^(y|yes|)$/i.test((await Promise.race([answer, interrupted])).trim())
    } catch (error) {
      if (error.name !== 'AbortError') throw error
      output.write('\n')
      return false
    } finally {
      lines.close()
    }
  }
}
