// The launcher's commands: what each needs to be there first, and what it runs. Every one ends with the exit
// code of what it ran. How the needed things are provided, and how a program is run, is written elsewhere.
import { existsSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { provideBun } from './bun.mjs'
import { provideChromium } from './chromium.mjs'
import { installDependencies } from './dependencies.mjs'
import { isExpected, LaunchFailure } from './failure.mjs'
import { runInForeground } from './foreground.mjs'
import { hasRedis, locateRedis, provideRedis } from './redis.mjs'
import { provideRedisServer } from './redis-binary.mjs'
import { closingLine } from './summary.mjs'

/** A test waits for Redis processes and sockets of its own; past this it hangs. */
const TEST_TIMEOUT_MS = 60_000

/** Test files run beside each other in so many processes: more than half of a test's time is waiting. */
const TEST_PROCESSES = Math.min(6, availableParallelism() + 2)

/** What each file takes, in milliseconds: the longest are started first, so that none of them is left for the end.
 *  `npm test -- --update-timings` measures them anew. */
const TEST_TIMINGS = 'test/timings.json'

/** The end of a test run's output that is kept for its summary; a failing test's own output may be long. */
const TEST_OUTPUT_MAX_CHARACTERS = 1_000_000

/** The commands by name. `about` is the usage line; `run` gets the context and the further arguments and
 *  returns the exit code.
 *  @type {Record<string, { about: string, run: (context: object, args: string[]) => Promise<number> }>} */
export const COMMANDS = {
  start: {
    about: 'run the service, with a Redis beside it if none answers',
    run: (context, args) => runWithRedis(context, ['src/main.ts', ...args]),
  },
  test: {
    about: 'run the tests; further arguments choose files: npm test -- test/wake',
    run: (context, args) => runTests(context, args),
  },
  check: {
    about: 'check format, lint and types, then run the tests',
    run: (context, args) => runChecks(context, args),
  },
  demo: {
    about: 'show wakes and calls from end to end, with stand-ins for apps, PBX and switch, and serve on',
    run: (context, args) => runWithPrivateRedis(context, ['examples/demo/main.ts', ...args]),
  },
  cli: {
    about: 'make calls, steer them, examine: npm run cli -- --help',
    run: (context, args) => runBesideService(context, ['src/cli.ts', ...args]),
  },
  docs: {
    about:
      "write anew what is made from the code: docs/settings.md, .env.example, the operator's alert rules",
    run: async context =>
      runBun(context, {
        bun: await prepare(context, 'deploy/documents.ts'),
        bunArgs: ['deploy/documents.ts'],
        settings: {},
      }),
  },
  'bench:wake': {
    about: 'measure holding and releasing PBX requests',
    run: (context, args) => runWithPrivateRedis(context, ['bench/wake/main.ts', ...args]),
  },
  'bench:crowd': {
    about: 'measure thousands of held PBX requests, and a Redis that goes away and comes back',
    run: (context, args) => runWithPrivateRedis(context, ['bench/crowd/main.ts', ...args]),
  },
  'bench:dial': {
    about: 'measure taking jobs and following calls',
    run: (context, args) => runWithPrivateRedis(context, ['bench/dial/main.ts', ...args]),
  },
  simulate: {
    about: 'try hundreds of simulated worlds with faults, by their seeds, in virtual time',
    run: async (context, args) =>
      runBun(context, {
        bun: await prepare(context, 'test/simulation/main.ts'),
        bunArgs: ['test/simulation/main.ts', ...args],
        settings: {},
      }),
  },
  chaos: {
    about: 'kill, pause and cut off agents, fronts, Redis and switches under load, and count what was lost',
    run: (context, args) => runWithPrivateRedis(context, ['test/chaos/main.ts', ...args]),
  },
  soak: {
    about: "run an hour's worth of calls and wakes in a few minutes, and show that nothing grows",
    run: (context, args) => runWithPrivateRedis(context, ['test/chaos/soak.ts', ...args]),
  },
  'test:freeswitch': {
    about: 'run the tests that need a real FreeSWITCH',
    run: (context, args) => runTests(context, ['./test/freeswitch/suite.ts', ...args]),
  },
}

async function runWithRedis(context, bunArgs) {
  // Before anything is downloaded: who may not install a Redis shall not wait for that.
  if (!(await hasRedis(context))) await provideRedisServer(context)
  const bun = await prepare(context, bunArgs[0])
  const redis = await provideRedis(context)
  const exitCode = await runBun(context, { bun, bunArgs, settings: { PUBSUB_REDIS_URL: redis.url } })
  await redis.release()
  return exitCode
}

async function runWithPrivateRedis(context, bunArgs) {
  const settings = await redisServerSetting(context)
  const bun = await prepare(context, bunArgs[0])
  return await runBun(context, { bun, bunArgs, settings })
}

/** With the Redis of a service that runs already, wherever the launcher has put it. */
async function runBesideService(context, bunArgs) {
  const bun = await prepare(context, bunArgs[0])
  const url = await locateRedis(context)
  return await runBun(context, { bun, bunArgs, settings: url ? { PUBSUB_REDIS_URL: url } : {} })
}

async function runTests(context, args) {
  try {
    const { bun, settings } = await prepareTests(context, args)
    return await testWith(context, { bun, settings }, args)
  } catch (error) {
    if (!isExpected(error)) throw error
    context.say(error.message)
    return closeTestRun(closingLine('', error.exitCode ?? 1))
  }
}

async function runChecks(context, args) {
  const { bun, settings } = await prepareTests(context, args)
  const steps = [
    { name: 'format and lint (biome)', tool: ['@biomejs', 'biome', 'bin', 'biome'], toolArgs: ['check'] },
    { name: 'types (tsc)', tool: ['typescript', 'bin', 'tsc'], toolArgs: ['--noEmit'] },
  ]
  for (const { name, tool, toolArgs } of steps) {
    context.say(`Checking ${name} ...`)
    const bunArgs = [join(context.projectDir, 'node_modules', ...tool), ...toolArgs]
    const exitCode = await runBun(context, { bun, bunArgs, settings: {} })
    if (exitCode !== 0) {
      context.say(`The check of ${name} failed; what comes after it was not run.`)
      return exitCode
    }
  }
  context.say('Running the tests ...')
  return await testWith(context, { bun, settings }, args)
}

/** Everything that any program of the project needs. @returns the path of Bun */
async function prepare(context, needed) {
  if (!existsSync(join(context.projectDir, needed))) {
    throw new LaunchFailure(`${needed} is not in this copy of the project.`)
  }
  const bun = await provideBun(context)
  await installDependencies(context, bun)
  return bun
}

/** The browser is installed, if it is, beside what npm's registry gives: neither waits for the other's server. */
async function prepareTests(context, args) {
  const redis = await redisServerSetting(context)
  const [bun, chromium] = await Promise.all([prepare(context, 'test'), chromiumSetting(context, args)])
  return { bun, settings: { ...redis, ...chromium } }
}

async function testWith(context, { bun, settings }, args) {
  // Through a pipe Bun leaves its colours out unless it is told otherwise.
  const wantsColour = process.stderr.isTTY && context.env.NO_COLOR === undefined
  let output = ''
  const onErrorOutput = chunk => {
    process.stderr.write(chunk)
    output = (output + chunk).slice(-TEST_OUTPUT_MAX_CHARACTERS)
  }
  const exitCode = await runBun(context, {
    bun,
    bunArgs: [
      'test',
      `--timeout=${TEST_TIMEOUT_MS}`,
      `--parallel=${TEST_PROCESSES}`,
      `--timings=${TEST_TIMINGS}`,
      ...args,
    ],
    settings: wantsColour ? { ...settings, FORCE_COLOR: '1' } : settings,
    onErrorOutput,
  })
  return closeTestRun(closingLine(output, exitCode))
}

function closeTestRun({ line, exitCode }) {
  process.stdout.write(`${line}\n`)
  return exitCode
}

/** Tests and measurements start Redis processes of their own, on free ports; they only need to know the
 *  binary. */
async function redisServerSetting(context) {
  const needsBinary = `npm ${context.name === 'test' ? '' : 'run '}${context.name}`
  return { HOOKSWITCH_REDIS_SERVER: await provideRedisServer({ ...context, needsBinary }) }
}

/** For the tests of the live page, where they are among those that run. `none`: there is no browser, and that was said. */
async function chromiumSetting(context, args) {
  const files = args.filter(arg => !arg.startsWith('-'))
  if (files.length > 0 && !files.some(file => file.includes('page') || /(^|\/)test\/?$/.test(file))) return {}
  return { CHROMIUM: (await provideChromium(context)) ?? 'none' }
}

function runBun({ projectDir, env }, { bun, bunArgs, settings, onErrorOutput }) {
  return runInForeground({
    command: bun,
    args: bunArgs,
    cwd: projectDir,
    env: { ...env, ...settings },
    onErrorOutput,
  })
}
