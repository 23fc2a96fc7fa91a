// What the launcher finds or installs before it runs what needs a Redis: a redis-server binary, by whose leave, and what
// it says where it may not. The installers on PATH are stand-ins, so nothing leaves the temporary directory.
import { describe, expect, test } from 'bun:test'
import { join } from 'node:path'
import { contextOf, failureOf, LAUNCH_DIR, makeProject } from './project.ts'

type Context = ReturnType<typeof contextOf>
type RedisContext = Context & {
  systemPath: string
  userId: number
  isAgreed?: boolean
  ask?: (question: string) => Promise<boolean>
  needsBinary?: string
}
const { provideRedisServer } = (await import(`${LAUNCH_DIR}/redis-binary.mjs`)) as {
  provideRedisServer(context: RedisContext): Promise<string>
}

describe('redis-server', () => {
  const redisContext = (
    project: ReturnType<typeof makeProject>,
    env: Record<string, string> = {},
  ): RedisContext => ({ ...contextOf(project, env), systemPath: project.bin, userId: 1000 })

  test('is the one on PATH', async () => {
    using project = makeProject()
    const server = project.program('redis-server', 'echo Redis server v=7.0.15 sha=00000000:0')
    expect(await provideRedisServer(redisContext(project))).toBe(server)
  })

  test('is the one that HOOKSWITCH_REDIS_SERVER names before any other', async () => {
    using project = makeProject()
    project.program('redis-server', 'echo Redis server v=7.0.15')
    const named = project.program('another-redis', 'echo Redis server v=7.2.0')
    expect(await provideRedisServer(redisContext(project, { HOOKSWITCH_REDIS_SERVER: named }))).toBe(named)
  })

  test('is refused when it is too old, does not run, or is named wrongly', async () => {
    using project = makeProject()
    project.program('redis-server', 'echo Redis server v=6.0.16')
    const tooOld = await failureOf(provideRedisServer(redisContext(project)))
    expect(tooOld.message).toContain('is Redis 6.0.16, which is too old. Install redis-server 6.2 or newer')
    project.program('redis-server', 'exit 127')
    expect((await failureOf(provideRedisServer(redisContext(project)))).message).toContain('does not run')
    const wrong = redisContext(project, { HOOKSWITCH_REDIS_SERVER: '/nowhere/redis-server' })
    expect((await failureOf(provideRedisServer(wrong))).message).toContain(
      '/nowhere/redis-server, which is not',
    )
  })

  const INSTALL = 'Install redis-server 6.2 or newer (Debian, Ubuntu: sudo apt install redis-server)'
  const SERVICE_ADVICE = `${INSTALL}, or set PUBSUB_REDIS_URL to a Redis that runs.`
  const BINARY_ADVICE = `${INSTALL}, or name its binary in HOOKSWITCH_REDIS_SERVER: npm run demo starts servers of its own.`
  const APT_LINE = 'apt-get install --no-install-recommends redis-server'

  /** Becomes root, and is asked for nothing, or only for what `-n` forbids. Puts the program in place. */
  function withInstallers(project: ReturnType<typeof makeProject>, sudo: 'none' | 'free' | 'password') {
    project.program('apt-get', `exit 99`)
    project.write(
      'deploy/launch/install-package.sh',
      `#!/bin/sh\nprintf '#!/bin/sh\\necho Redis server v=7.0.15\\n' >${project.bin}/redis-server\n` +
        `/bin/chmod 755 ${project.bin}/redis-server\n`,
    )
    const refusal = sudo === 'password' ? '[ "$1" = -n ] && exit 1\n' : ''
    if (sudo !== 'none')
      project.program('sudo', `${refusal}[ "$1" = -n ] && shift\n[ "$1" = true ] && exit 0\nexec "$@"`)
  }
  /** The launcher's own module of that project, beside that install script. */
  const provideIn = async (project: ReturnType<typeof makeProject>, context: RedisContext) =>
    (
      (await import(join(project.dir, 'deploy/launch/redis-binary.mjs'))) as {
        provideRedisServer: typeof provideRedisServer
      }
    ).provideRedisServer(context)

  test('is refused with a sentence where its package can not be fetched, and with apt’s words otherwise', async () => {
    const install = "redis-server was not installed, because its package can't be fetched: "
    const ends: [output: string, message: string][] = [
      [
        "Err:1 http://deb.debian.org trixie/main redis-server\n  Temporary failure resolving 'deb.debian.org'\nE: Unable to fetch",
        `${install}Temporary failure resolving 'deb.debian.org'. ${SERVICE_ADVICE}`,
      ],
      [
        '  Could not connect to deb.debian.org:80 (192.0.2.1), connection timed out',
        `${install}Could not connect to deb.debian.org:80. ${SERVICE_ADVICE}`,
      ],
      [
        'E: dpkg was interrupted',
        `apt-get could not install redis-server:\nE: dpkg was interrupted\n${SERVICE_ADVICE}`,
      ],
    ]
    for (const [output, message] of ends) {
      using project = makeProject()
      withInstallers(project, 'none')
      project.write('deploy/launch/install-package.sh', `/bin/cat <<'END'\n${output}\nEND\nexit 100\n`)
      const context: RedisContext = { ...redisContext(project), userId: 0 }
      expect((await failureOf(provideIn(project, context))).message).toBe(message)
    }
  })

  test('is refused with advice where there is no apt-get, by what the command needs it for', async () => {
    using project = makeProject()
    const advice = { service: SERVICE_ADVICE, 'npm run demo': BINARY_ADVICE }
    for (const [who, says] of Object.entries(advice)) {
      const context = { ...redisContext(project), ...(who === 'service' ? {} : { needsBinary: who }) }
      const failure = await failureOf(provideRedisServer(context))
      expect(failure.message).toBe(
        `No redis-server was found, and there is no apt-get to install it. ${says}`,
      )
      expect(failure.exitCode).toBe(1)
    }
  })

  type Case = {
    who: string
    userId: number
    sudo: 'none' | 'free' | 'password'
    isAgreed?: boolean
    answer?: boolean
    /** Of the refusal; without it the package is installed. */
    refused?: string
    says: string[]
  }
  const question = (line: string) => [
    'No redis-server was found. This would install its program, and start no service:\n',
    `  ${line}\n`,
    'Install it?',
  ]
  const cases: Case[] = [
    {
      who: 'root at a terminal who says yes',
      userId: 0,
      sudo: 'none',
      answer: true,
      says: [...question(APT_LINE), `Installing redis-server: ${APT_LINE} ...`],
    },
    {
      who: 'root at a terminal who says no',
      userId: 0,
      sudo: 'none',
      answer: false,
      refused: `Not installed. ${SERVICE_ADVICE}`,
      says: question(APT_LINE),
    },
    {
      who: 'root whom nobody can ask',
      userId: 0,
      sudo: 'none',
      says: [`Installing redis-server: ${APT_LINE} ...`],
    },
    {
      who: 'a user with sudo whom nobody can ask',
      userId: 1000,
      sudo: 'free',
      refused: `No redis-server was found, and nothing is installed as root unasked: --yes allows it. ${SERVICE_ADVICE}`,
      says: [],
    },
    {
      who: 'a user with sudo who agreed beforehand',
      userId: 1000,
      sudo: 'free',
      isAgreed: true,
      says: [`Installing redis-server: sudo ${APT_LINE} ...`],
    },
    {
      who: 'a user who agreed beforehand and whose sudo wants a password',
      userId: 1000,
      sudo: 'password',
      isAgreed: true,
      refused: `No redis-server was found, and sudo wants a password to install it. ${SERVICE_ADVICE}`,
      says: [],
    },
    {
      who: 'a user at a terminal whose sudo wants a password',
      userId: 1000,
      sudo: 'password',
      answer: true,
      says: [...question(`sudo ${APT_LINE}`), `Installing redis-server: sudo ${APT_LINE} ...`],
    },
    {
      who: 'a user without sudo',
      userId: 1000,
      sudo: 'none',
      isAgreed: true,
      answer: true,
      refused: `No redis-server was found, and this user may not install it. ${SERVICE_ADVICE}`,
      says: [],
    },
  ]
  for (const { who, userId, sudo, isAgreed, answer, refused, says } of cases)
    test(`of ${who} is ${refused ? 'not ' : ''}installed`, async () => {
      using project = makeProject()
      withInstallers(project, sudo)
      const context: RedisContext = { ...redisContext(project), userId, isAgreed: isAgreed === true }
      if (answer !== undefined)
        context.ask = async asked => {
          context.said.push(asked)
          return answer
        }
      if (refused) expect((await failureOf(provideIn(project, context))).message).toBe(refused)
      else expect(await provideIn(project, context)).toBe(join(project.bin, 'redis-server'))
      expect(context.said).toEqual(says)
    })
})
