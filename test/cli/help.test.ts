// The help as a newcomer reads it, and the command line as a process: nothing but text where its output is no
// terminal, and its exit code handed on by the launcher.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { join } from 'node:path'
import { EXIT_CODES } from '../../src/cli/ending.ts'
import { EXAMPLES } from '../../src/cli/help.ts'
import { startRedis, type TestRedis } from '../harness/redis.ts'
import { LAUNCH_DIR, makeProject } from '../launch/project.ts'
import { cli, startCli } from './cli.ts'

const ROOT = join(import.meta.dir, '../..')

/** Part of the interface: scripts name them. */
const COMMANDS = [
  ...['call', 'bot-call', 'load-test', 'barge', 'whisper', 'threeway', 'mute', 'unthreeway', 'hangup'],
  ...['play', 'play-now', 'stop-playback', 'start-background', 'stop-background', 'bridge'],
  ...['watch', 'timeline', 'calls', 'history'],
]

let redis: TestRedis
beforeAll(async () => {
  redis = await startRedis()
})
afterAll(() => redis.close())

describe('the help', () => {
  test('lists every command once, every exit code, and a first call', async () => {
    const { code, out } = await cli(redis.url, ['--help'])
    expect(code).toBe(0)
    const lines = out.join('\n').split('\n')
    const listed = lines.flatMap(line => /^ {2}([a-z-]+)(?: <\w+>)* {2,}\S/.exec(line)?.[1] ?? [])
    expect(listed.filter(name => COMMANDS.includes(name))).toEqual(COMMANDS)
    for (const exitCode of Object.values(EXIT_CODES))
      expect(lines.filter(line => line.startsWith(`  ${exitCode} `))).toHaveLength(1)
    expect(lines).toContain('  hookswitch call --caller 1001 --callee 1002 --dial-id my-call')
    expect(Math.max(...lines.map(line => line.length))).toBeLessThanOrEqual(100)
  })

  for (const name of COMMANDS)
    test(`of ${name} has an example, which is right`, async () => {
      const { code, out } = await cli(redis.url, [name, '--help'])
      expect(code).toBe(0)
      const examples = EXAMPLES[name] ?? []
      expect(examples.length).toBeGreaterThan(0)
      for (const example of examples) {
        expect(out.join('\n')).toContain(`  ${example}`)
        const argv = example.replace(/ \|.*/, '').split(' ').slice(1)
        // Whatever becomes of it here, the command line itself is understood.
        const run = startCli(redis.url, argv)
        if (argv.includes('--watch') || name === 'watch') setTimeout(run.interrupt, 50)
        expect(await run.exited).not.toBe(EXIT_CODES.usage)
      }
    })

  test('has colours on a terminal only', async () => {
    const [plain, coloured] = await Promise.all([
      cli(redis.url, ['--help']),
      cli(redis.url, ['--help'], { hasColour: true }),
    ])
    expect(plain.out.join()).not.toContain('\x1b')
    expect(coloured.out.join()).toContain('\x1b[1mUsage:\x1b[0m')
  })
})

describe('as a process', () => {
  const spawn = (...argv: string[]) =>
    Bun.spawn([process.execPath, join(ROOT, 'src/cli.ts'), ...argv], {
      env: { PATH: process.env.PATH!, PUBSUB_REDIS_URL: redis.url },
      stdio: ['ignore', 'pipe', 'pipe'],
    })

  test('it prints plain text into a pipe and hands out its exit code', async () => {
    const hangup = spawn('hangup', 'no-such-call')
    expect(await hangup.stdout.text()).toBe('')
    expect(await hangup.stderr.text()).toBe('No such call: no-such-call. Living ones: hookswitch calls\n')
    expect(await hangup.exited).toBe(EXIT_CODES.nobody)
  })

  test('it names itself as it was called: as a script of npm in a checkout', async () => {
    const hangup = Bun.spawn([process.execPath, join(ROOT, 'src/cli.ts'), 'hangup', 'no-such-call'], {
      env: { PATH: process.env.PATH!, PUBSUB_REDIS_URL: redis.url, npm_lifecycle_event: 'cli' },
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    expect(await hangup.stderr.text()).toBe(
      'No such call: no-such-call. Living ones: npm run -s cli -- calls\n',
    )
  })

  test('Ctrl-C ends a watch with 130', async () => {
    const watch = spawn('watch', 'a-call')
    await watch.stderr.getReader().read()
    watch.kill('SIGINT')
    expect(await watch.exited).toBe(EXIT_CODES.interrupted)
  })

  test('a reader that has seen enough ends it without an error', async () => {
    const shell = `"${process.execPath}" "${join(ROOT, 'src/cli.ts')}" --help | head -1`
    const piped = Bun.spawn(['sh', '-c', shell], { stdio: ['ignore', 'pipe', 'pipe'] })
    expect(await piped.stdout.text()).toBe('Usage: hookswitch [options] [command]\n')
    expect(await piped.stderr.text()).toBe('')
  })
})

describe('through the launcher', () => {
  /** Says what it was called with. */
  const STAND_IN = 'console.log(process.env.PUBSUB_REDIS_URL, ...process.argv.slice(2)); process.exit(3)'

  test('the program named hookswitch is the command line, and so is `npm run cli`', async () => {
    const { bin, scripts } = (await import('../../package.json')).default
    expect(scripts.cli).toBe('exec node deploy/run.mjs cli')
    using project = makeProject()
    project.link('bun', process.execPath)
    project.write('src/cli.ts', STAND_IN)
    for (const commandLine of [[bin.hookswitch], ['deploy/run.mjs', 'cli']]) {
      const child = Bun.spawn(['node', ...commandLine, 'call', '--caller', '+1 510'], {
        cwd: project.dir,
        env: { PATH: `${project.bin}:${process.env.PATH}`, PUBSUB_REDIS_URL: redis.url },
        stdio: ['ignore', 'pipe', 'pipe'],
      })
      expect(await child.stdout.text()).toBe(`${redis.url} call --caller +1 510\n`)
      expect(await child.exited).toBe(3)
    }
  })

  test('it finds the Redis that `npm start` had to put elsewhere', async () => {
    const { locateRedis } = (await import(`${LAUNCH_DIR}/redis.mjs`)) as {
      locateRedis: (context: object) => Promise<string | undefined>
    }
    using project = makeProject()
    const context = { projectDir: project.dir, env: {}, usualPort: 1 }
    expect(await locateRedis(context)).toBeUndefined()
    project.write('.hookswitch/redis/port', String(redis.port))
    expect(await locateRedis(context)).toBe(redis.url)
    expect(await locateRedis({ ...context, env: { PUBSUB_REDIS_URL: 'redis://elsewhere' } })).toBeUndefined()
  })
})
