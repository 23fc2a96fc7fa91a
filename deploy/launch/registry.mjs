// Runs an installation step that downloads from the npm registry, and asks npm at the same time whether that registry
// answers. A registry that is away ends the step with one sentence within 10 s: npm alone tries for 70 s without a word,
// and Bun ends with a line for each of 260 packages. What is installed is the caller's business.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as after } from 'node:timers/promises'
import { LaunchFailure } from './failure.mjs'
import { runStep } from './installer.mjs'
import { findProgram } from './program.mjs'

/** A registry that is there answers within a second. A machine whose cores are all busy was seen to need more than four;
 *  whoever waits is told within ten. */
const ANSWER_MAX_MS = 8_000

/** How long a step goes on although the registry is away: it may find everything in its cache. */
const AWAY_MAX_MS = 5_000

/** Runs the step to its end, or until the registry is known to be away.
 *  @param {{ what: string, command: string, args: string[], cwd: string, env: Record<string, string | undefined>,
 *    awayMaxMs?: number }} step `what` it installs, for the sentence
 *  @returns {Promise<{ isDone: boolean, output: string }>} as `runStep` does
 *  @throws {LaunchFailure} when the registry is away and the step could not do without it */
export async function runDownload({ what, awayMaxMs = AWAY_MAX_MS, ...step }) {
  const startedMs = performance.now()
  const over = new AbortController()
  const asking = askRegistry(step, over.signal)
  const running = runStep({ ...step, signal: over.signal })
  const away = asking.then(async answer => {
    if (answer.kind !== 'away') return await new Promise(() => {})
    await after(Math.max(0, awayMaxMs - (performance.now() - startedMs)), undefined, { signal: over.signal })
    return { isDone: false, output: '' }
  })
  away.catch(() => {
    // The step was over first, and its own outcome counts.
  })
  try {
    const outcome = await Promise.race([running, away])
    const answer = outcome.isDone ? undefined : await asking
    if (answer?.kind !== 'away') return outcome
    throw new LaunchFailure(
      `The npm registry${answer.url} can't be reached: ${answer.reason}. ${what} would come from there. ` +
        'Mend the network, HTTPS_PROXY or the registry in .npmrc, and try again.',
    )
  } finally {
    over.abort()
    // It has ended before the caller clears up behind it.
    await running.catch(() => {
      // Told already.
    })
  }
}

/** Asks as npm asks: by way of its proxy, with its certificates, and whatever .npmrc says. The time for an answer
 *  counts from npm's own word that it asks now: a busy machine takes seconds to start npm.
 *  @param {AbortSignal} over when nobody waits for the answer any more
 *  @returns {Promise<{ kind: 'there' } | { kind: 'away', url: string, reason: string }>} */
async function askRegistry({ cwd, env }, over) {
  const npm = findProgram('npm', env.PATH)
  // Bun can be there without npm. Then its own words must do.
  if (!npm) return { kind: 'there' }
  const ending = new AbortController()
  over.addEventListener('abort', () => ending.abort(), { once: true })
  let isLate = false
  let timer
  const onOutput = output => {
    if (timer || urlIn(output) === '') return
    timer = setTimeout(() => {
      isLate = true
      ending.abort()
    }, ANSWER_MAX_MS)
  }
  // With an empty cache: npm would answer from its own what the registry said a minute ago.
  const cache = mkdtempSync(join(tmpdir(), 'hookswitch-npm-'))
  const limits = ['--fetch-retries=0', `--fetch-timeout=${ANSWER_MAX_MS}`]
  const args = ['ping', ...limits, '--loglevel=notice', `--cache=${cache}`]
  const ping = { command: npm, args, cwd, env, signal: ending.signal, onOutput }
  const { isDone, output } = await runStep(ping).catch(stopped)
  clearTimeout(timer)
  rmSync(cache, { recursive: true, force: true })
  if (isDone) return { kind: 'there' }
  const url = urlIn(output)
  const reason = isLate ? NO_ANSWER : reasonIn(output)
  return reason ? { kind: 'away', url, reason } : { kind: 'there' }
}

/** What npm is told about its way to the registry, in Bun's words: Bun reads the .npmrc of the project and of the user,
 *  and not the machine's, where a company names its own registry, proxy and certificate authority.
 *  @param {{ cwd: string, env: Record<string, string | undefined> }} where
 *  @returns {Promise<{ args: string[], env: Record<string, string> }>} empty when npm is not there or says nothing */
export async function networkOfNpm({ cwd, env }) {
  const npm = findProgram('npm', env.PATH)
  const args = ['config', 'get', ...Object.values(NPM_NAMES)]
  const signal = AbortSignal.timeout(ANSWER_MAX_MS)
  const step = npm ? await runStep({ command: npm, args, cwd, env, signal }) : { isDone: false, output: '' }
  const told = step.isDone ? Object.fromEntries(settingsIn(step.output)) : {}
  const named = name => told[NPM_NAMES[name]]
  return {
    args: named('authority') ? ['--cafile', named('authority')] : [],
    env: {
      ...(named('registry') && { npm_config_registry: named('registry') }),
      ...(named('proxy') && { HTTPS_PROXY: named('proxy') }),
    },
  }
}

/** Where Bun looks unasked. */
const PUBLIC_REGISTRY = 'https://registry.npmjs.org/'

const NPM_NAMES = { authority: 'cafile', registry: 'registry', proxy: 'https-proxy' }

/** The lines `name=value` in which npm answers; an unset one has the value `null`. */
function settingsIn(output) {
  return [...output.matchAll(/^([a-z-]+)=(.+)$/gm)]
    .map(([, name, value]) => [name, value.trim()])
    .filter(([, value]) => !['null', 'undefined', PUBLIC_REGISTRY].includes(value))
}

const NO_ANSWER = `no answer within ${ANSWER_MAX_MS / 1000} s`

/** Told to stop with the launcher: the step beside it says so. */
const stopped = () => ({ isDone: true, output: '' })

/** In words. undefined: the registry answered, if only that it knows no ping. */
function reasonIn(output) {
  const code = /^npm (?:error|ERR!) code (\S+)/m.exec(output)?.[1] ?? ''
  if (/^E(AI_AGAIN|NOTFOUND)$/.test(code)) return 'its name is not resolved'
  if (code === 'ECONNREFUSED') return 'the connection is refused'
  if (/^E(NETUNREACH|HOSTUNREACH)$/.test(code)) return 'there is no way to it'
  if (/TIMEOUT|ETIMEDOUT/.test(code) || /network timeout/.test(output)) return NO_ANSWER
  if (/CERT|SSL|TLS/.test(code)) return `its certificate is not trusted (${code})`
  if (/^E(CONNRESET|CONNABORTED|PIPE|PROTO)$/.test(code)) return `the connection breaks (${code})`
  return undefined
}

/** As npm names it, without credentials; with a blank in front, or empty. */
function urlIn(output) {
  const named = /PING (\S+)/.exec(output)?.[1]
  if (!named || !URL.canParse(named)) return ''
  const { origin, pathname } = new URL(named)
  return ` ${origin}${pathname}`
}
