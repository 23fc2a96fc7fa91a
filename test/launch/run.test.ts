// The launcher as a person meets it: its commands, its exit codes, its last lines, and what becomes of the
// signals it gets. The programs it runs are stand-ins in a temporary project; Bun is the real one.
import { afterEach, describe, expect, test } from 'bun:test'
import { type LineReader, openLineReader } from './lineReader.ts'
import { makeProject, type Project } from './project.ts'

/** A Redis that nobody runs: the launcher says so and goes on, which is all these tests need. */
const NOWHERE = 'redis://127.0.0.1:1'

/** Counts the signals it gets and leaves with 9 at the second. It never drains by itself, unless an argument
 *  says so. */
const SERVICE = `
let signals = 0
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP']) process.on(signal, () => {
  signals += 1
  console.log(signal, signals)
  if (signals === 2) process.exit(9)
  if (process.argv.includes('--drain')) setTimeout(() => process.exit(0), 50)
})
console.log('up', process.env.PUBSUB_REDIS_URL, ...process.argv.slice(2))
if (process.argv.includes('--leave-with-7')) process.exit(7)
setInterval(() => {}, 1000)
`

type Program = Bun.Subprocess<'pipe', number, number>

const running: Program[] = []
afterEach(() => {
  for (const child of running.splice(0)) child.kill('SIGKILL')
})

/** A project whose PATH has Node, the Bun of this run, the shell's programs and a redis-server that only
 *  tells its version. */
function makeLaunchable(): Project {
  const project = makeProject()
  project.link('bun', process.execPath)
  project.program('redis-server', 'echo Redis server v=7.0.15')
  // There is nothing to install, so nothing to ask npm's registry or settings for; the real one takes half a second.
  project.program('npm', 'exit 1')
  project.write('src/main.ts', SERVICE)
  return project
}

function launch(project: Project, args: string[], env: Record<string, string> = {}) {
  return spawnIn(project, ['node', 'deploy/run.mjs', ...args], env)
}

function spawnIn(project: Project, commandLine: string[], env: Record<string, string>) {
  // A killed launcher's service is read on.
  const [out, errors] = [openLineReader(), openLineReader()]
  const child: Program = Bun.spawn(commandLine, {
    cwd: project.dir,
    env: { PATH: `${project.bin}:${process.env.PATH}`, HOME: project.dir, PUBSUB_REDIS_URL: NOWHERE, ...env },
    stdio: ['pipe', out.fd, errors.fd],
  })
  out.release()
  errors.release()
  running.push(child)
  return { child, nextLine: out.next, stderr: textOf(errors), exit: child.exited }
}

async function textOf({ next }: LineReader): Promise<string> {
  let text = ''
  for (let line = await next(); line !== undefined; line = await next()) text += `${line}\n`
  return text
}

async function runToEnd(project: Project, args: string[], env: Record<string, string> = {}) {
  const { child, nextLine, stderr, exit } = launch(project, args, env)
  child.stdin.end()
  const stdout: string[] = []
  for (let line = await nextLine(); line !== undefined; line = await nextLine()) stdout.push(line)
  return { stdout, stderr: await stderr, exitCode: await exit }
}

describe('the command line', () => {
  test('lists every command with a line each', async () => {
    using project = makeLaunchable()
    const help = await runToEnd(project, ['--help'])
    expect(help.exitCode).toBe(0)
    expect(help.stdout[0]).toBe('usage: node deploy/run.mjs <command> [--yes] [arguments]')
    const { scripts } = (await import('../../package.json')).default
    for (const name of Object.keys(scripts)) {
      expect(help.stdout.filter(line => line.trim().startsWith(`${name} `))).toHaveLength(1)
    }
  })

  test('answers an unknown command, or none, with the usage and exit code 2', async () => {
    using project = makeLaunchable()
    const [unknown, none] = await Promise.all([runToEnd(project, ['strat']), runToEnd(project, [])])
    expect(unknown.exitCode).toBe(2)
    expect(unknown.stderr).toStartWith('There is no command "strat".\n\nusage: ')
    expect(none.exitCode).toBe(2)
    expect(none.stderr).toStartWith('usage: ')
  })

  test('says in one sentence which file a command lacks', async () => {
    using project = makeLaunchable()
    const bench = await runToEnd(project, ['bench:wake'])
    expect(bench).toEqual({
      stdout: [],
      stderr: 'bench/wake/main.ts is not in this copy of the project.\n',
      exitCode: 1,
    })
  })
})

describe('start', () => {
  test('runs the service with its Redis and arguments, and ends with its exit code', async () => {
    using project = makeLaunchable()
    const { nextLine, exit } = launch(project, ['start', '--leave-with-7'])
    expect(await nextLine()).toBe(`up ${NOWHERE} --leave-with-7`)
    expect(await exit).toBe(7)
  })

  test('passes a signal on once, however often it is repeated at once, and the second one too', async () => {
    using project = makeLaunchable()
    const { child, nextLine, exit } = launch(project, ['start'])
    await nextLine()
    // A key press reaches us from the terminal and again through npm.
    child.kill('SIGINT')
    child.kill('SIGINT')
    expect(await nextLine()).toBe('SIGINT 1')
    // Not a wait for an event: the distance by which a person's second key press is told from an echo, and some more,
    // because a busy launcher may hear the echo late.
    await Bun.sleep(1_000)
    child.kill('SIGINT')
    expect(await nextLine()).toBe('SIGINT 2')
    expect(await exit).toBe(9)
  })

  test('passes SIGTERM on, and SIGHUP as SIGTERM', async () => {
    using project = makeLaunchable()
    const { child, nextLine, exit } = launch(project, ['start'])
    await nextLine()
    child.kill('SIGHUP')
    expect(await nextLine()).toBe('SIGTERM 1')
    child.kill('SIGTERM')
    expect(await nextLine()).toBe('SIGTERM 2')
    expect(await exit).toBe(9)
  })

  test('killed outright leaves a service that was told to drain, once', async () => {
    using project = makeLaunchable()
    const { child, nextLine } = launch(project, ['start', '--drain'])
    await nextLine()
    child.kill('SIGKILL')
    expect(await nextLine()).toBe('SIGTERM 1')
    expect(await nextLine()).toBeUndefined()
  })

  test('tells the service to drain when the npm that ran it is gone', async () => {
    using project = makeLaunchable()
    const npm = project.program('npm-stand-in', 'node deploy/run.mjs start --drain &\nwait')
    const { child, nextLine } = spawnIn(project, [npm], { npm_lifecycle_event: 'start' })
    await nextLine()
    child.kill('SIGKILL')
    expect(await nextLine()).toBe('SIGTERM 1')
    expect(await nextLine()).toBeUndefined()
  })

  test('shows a service that was killed as 128 and the signal', async () => {
    using project = makeLaunchable()
    project.write('src/main.ts', "process.kill(process.pid, 'SIGKILL')")
    expect((await runToEnd(project, ['start'])).exitCode).toBe(137)
  })
})

describe('test', () => {
  const A_TEST = "import { test, expect } from 'bun:test'\n"

  test('ends with the counts as its last line and with the exit code of Bun', async () => {
    using project = makeLaunchable()
    project.write('test/a.test.ts', `${A_TEST}test('a', () => {})\ntest.skip('b', () => {})`)
    project.write('test/b.test.ts', `${A_TEST}test('c', () => expect(1).toBe(2))`)
    const [all, one] = await Promise.all([runToEnd(project, ['test']), runToEnd(project, ['test', 'test/a'])])
    expect(all.stdout.at(-1)).toBe('1 passed, 1 failed')
    expect(all.exitCode).toBe(1)
    expect(all.stderr).toContain('(fail) c')
    expect(one.stdout.at(-1)).toBe('1 passed, 0 failed')
    expect(one.exitCode).toBe(0)
  })

  test('hands the tests the redis-server that it found', async () => {
    using project = makeLaunchable()
    const assertion = `expect(process.env.HOOKSWITCH_REDIS_SERVER).toBe('${project.bin}/redis-server')`
    project.write('test/a.test.ts', `${A_TEST}test('a', () => ${assertion})`)
    expect((await runToEnd(project, ['test'])).stdout.at(-1)).toBe('1 passed, 0 failed')
  })

  test('that finds no test, or crashes, is a failure', async () => {
    using project = makeLaunchable()
    project.write('test/a.test.ts', `${A_TEST}test('a', () => process.kill(process.pid, 'SIGKILL'))`)
    const runs = await Promise.all([runToEnd(project, ['test']), runToEnd(project, ['test', 'nothing'])])
    expect(runs.map(run => run.stdout.at(-1))).toEqual(['0 passed, 1 failed', '0 passed, 1 failed'])
    expect(runs.map(run => run.exitCode)).toEqual([137, 1])
  })

  test('that cannot begin still ends with the closing line, after a sentence that says why', async () => {
    using project = makeLaunchable()
    project.write('test/a.test.ts', `${A_TEST}test('a', () => {})`)
    const refused = await runToEnd(project, ['test'], { HOOKSWITCH_REDIS_SERVER: '/nowhere/redis-server' })
    expect(refused.stdout).toEqual(['0 passed, 1 failed'])
    expect(refused.stderr).toContain(
      'HOOKSWITCH_REDIS_SERVER names /nowhere/redis-server, which is not a program.',
    )
    expect(refused.exitCode).toBe(1)
  })
})

describe('check', () => {
  test('stops at the first check that fails and says which', async () => {
    using project = makeLaunchable()
    const tool = (path: string, code: number) =>
      project.write(`node_modules/${path}`, `process.exit(${code})`)
    project.write('test/a.test.ts', "import { test } from 'bun:test'\ntest('a', () => {})")
    tool('@biomejs/biome/bin/biome', 0)
    tool('typescript/bin/tsc', 2)
    const failed = await runToEnd(project, ['check'])
    expect(failed.stderr).toContain('The check of types (tsc) failed; what comes after it was not run.')
    expect(failed.exitCode).toBe(2)
    expect(failed.stdout).toEqual([])
    tool('typescript/bin/tsc', 0)
    const passed = await runToEnd(project, ['check'])
    expect(passed.stdout.at(-1)).toBe('1 passed, 0 failed')
    expect(passed.exitCode).toBe(0)
  })
})
