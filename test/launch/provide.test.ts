// What the launcher finds or installs before it runs anything: Bun, the dependencies, a redis-server binary.
// The installers on PATH are stand-ins, so nothing leaves the temporary directory.
import { describe, expect, test } from 'bun:test'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
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
const { provideBun, isFitting } = (await import(`${LAUNCH_DIR}/bun.mjs`)) as {
  provideBun(context: Context): Promise<string>
  isFitting(found: number[], wanted: number[]): boolean
}
const { installDependencies } = (await import(`${LAUNCH_DIR}/dependencies.mjs`)) as {
  installDependencies(context: Context, bun: string): Promise<void>
}
const { runDownload } = (await import(`${LAUNCH_DIR}/registry.mjs`)) as {
  runDownload(step: {
    what: string
    command: string
    args: string[]
    cwd: string
    env: Context['env']
    awayMaxMs: number
  }): Promise<{ isDone: boolean; output: string }>
}
const { provideRedisServer } = (await import(`${LAUNCH_DIR}/redis-binary.mjs`)) as {
  provideRedisServer(context: RedisContext): Promise<string>
}
const { settingOf } = (await import(`${LAUNCH_DIR}/settings.mjs`)) as {
  settingOf(name: string, context: Context): string | undefined
}

const VERSION = Bun.version

/** Does what npm does with the package `bun`; the install script's own work is left to `last`. */
const npmInstalling = (last: string) => `
[ "$1 $2" = "install --prefix" ] || exit 64
/bin/mkdir -p "$3/node_modules/.bin" "$3/node_modules/bun" "$3/node_modules/@oven/bun-linux-x64/bin"
cd "$3/node_modules" || exit 65
printf '#!/bin/sh\\necho "postinstall was not run" >&2; exit 1\\n' >.bin/bun
/bin/chmod 755 .bin/bun
${last}`

const WRITE_BINARY = (path: string) =>
  `printf '#!/bin/sh\\necho ${VERSION}\\n' >${path}; /bin/chmod 755 ${path}`

describe('Bun', () => {
  test('is the one on PATH when its version fits, and nothing is said', async () => {
    using project = makeProject()
    const bun = project.program('bun', `echo ${VERSION}`)
    const context = contextOf(project)
    expect(await provideBun(context)).toBe(bun)
    expect(context.said).toEqual([])
  })

  test('fits from the named patch on, within the same minor version', () => {
    const wanted = [1, 4, 5]
    const found: [number[], boolean][] = [
      [[1, 4, 5], true],
      [[1, 4, 12], true],
      [[1, 4, 4], false],
      [[1, 5, 0], false],
      [[1, 3, 9], false],
      [[2, 4, 5], false],
    ]
    for (const [version, fits] of found) expect(isFitting(version, wanted)).toBe(fits)
  })

  test('comes from npm when the one on PATH is too old, and is kept for the next time', async () => {
    using project = makeProject()
    project.program('bun', 'echo 1.0.30')
    project.program('npm', npmInstalling(WRITE_BINARY('.bin/bun')))
    const context = contextOf(project)
    const bun = await provideBun(context)
    expect(bun).toBe(join(project.dir, '.hookswitch/bun/node_modules/.bin/bun'))
    expect(context.said).toEqual([
      `Installing Bun ${VERSION} from npm into .hookswitch/bun (the bun on PATH is 1.0.30) ...`,
    ])
    expect(await provideBun(context)).toBe(bun)
    expect(context.said).toHaveLength(1)
    expect(readdirSync(join(project.dir, '.hookswitch'))).toEqual(['bun'])
  })

  test('is taken from the platform package when npm held the install script back', async () => {
    using project = makeProject()
    project.program('npm', npmInstalling(WRITE_BINARY('@oven/bun-linux-x64/bin/bun')))
    expect(await provideBun(contextOf(project))).toBe(
      join(project.dir, '.hookswitch/bun/node_modules/@oven/bun-linux-x64/bin/bun'),
    )
  })

  test('gets its install script run when that is the only way to a binary', async () => {
    using project = makeProject()
    const script = `const { writeFileSync } = require('node:fs')
      writeFileSync('../.bin/bun', '#!/bin/sh\\\\necho ${VERSION}\\\\n')`
    project.program('npm', npmInstalling(`printf '%s' "${script}" >bun/install.js`))
    expect(await provideBun(contextOf(project))).toEndWith('.bin/bun')
  })

  test('is refused with the words of npm when npm fails, and nothing is left behind', async () => {
    using project = makeProject()
    project.program('npm', 'echo "npm error network is down" >&2; exit 1')
    const failure = await failureOf(provideBun(contextOf(project)))
    expect(failure.message).toBe(`npm could not install Bun ${VERSION}:\nnpm error network is down`)
    expect(failure.exitCode).toBe(1)
    expect(readdirSync(join(project.dir, '.hookswitch'))).toEqual([])
  })

  test('is refused with advice when there is no npm either', async () => {
    using project = makeProject()
    const failure = await failureOf(provideBun(contextOf(project)))
    expect(failure.message).toContain('Install npm, or Bun from https://bun.com')
  })
})

describe('the dependencies', () => {
  test('are installed once, and again when the lock file changes', async () => {
    using project = makeProject()
    project.write('bun.lock', 'first')
    const bun = project.program('bun', `echo "$@ NODE_ENV=$NODE_ENV" >>${project.dir}/calls`)
    const context = contextOf(project, { NODE_ENV: 'production' })
    await installDependencies(context, bun)
    await installDependencies(context, bun)
    project.write('bun.lock', 'second')
    await installDependencies(context, bun)
    const call = 'install --frozen-lockfile NODE_ENV=\n'
    expect(readFileSync(join(project.dir, 'calls'), 'utf8')).toBe(call + call)
    expect(context.said).toHaveLength(2)
  })

  test('are tried again after an installation that failed', async () => {
    using project = makeProject()
    const bun = project.program('bun', 'echo "error: lockfile had changes" >&2; exit 1')
    const failure = await failureOf(installDependencies(contextOf(project), bun))
    expect(failure.message).toContain('error: lockfile had changes')
    expect(existsSync(join(project.dir, 'node_modules/.hookswitch-lock'))).toBe(false)
  })

  const PUBLIC = 'registry=https://registry.npmjs.org/'
  for (const [what, npm, called] of [
    ['nothing but the defaults', `cafile=null ${PUBLIC} https-proxy=null`, ' registry= proxy='],
    [
      'a certificate authority',
      `cafile=/etc/ours.pem ${PUBLIC} https-proxy=null`,
      ' --cafile /etc/ours.pem registry= proxy=',
    ],
    [
      'a registry',
      'cafile=null registry=https://npm.example/ https-proxy=null',
      ' registry=https://npm.example/ proxy=',
    ],
    [
      'a proxy',
      `cafile=null ${PUBLIC} https-proxy=http://proxy.example:3128`,
      ' registry= proxy=http://proxy.example:3128',
    ],
  ] as const) {
    test(`come by the way that npm was told of, wherever its settings stand: ${what}`, async () => {
      using project = makeProject()
      project.program('npm', `[ "$1 $2" = "config get" ] || exit 1; printf '%s\n' ${npm}`)
      const record = `echo "$@ registry=$npm_config_registry proxy=$HTTPS_PROXY" >>${project.dir}/calls`
      await installDependencies(contextOf(project), project.program('bun', record))
      expect(readFileSync(join(project.dir, 'calls'), 'utf8')).toBe(`install --frozen-lockfile${called}\n`)
    })
  }

  test('that all fail for one reason are one line of the failure', async () => {
    using project = makeProject()
    const refused = ['a@1.0.0', '@b/c@2.1.0', 'd@3.0.0'].map(
      name => `error: REFUSED downloading tarball ${name}`,
    )
    const bun = project.program('bun', `printf '%s\n\n' '${refused.join("' '")}' >&2; exit 1`)
    const failure = await failureOf(installDependencies(contextOf(project), bun))
    expect(failure.message).toBe(
      'Bun could not install the dependencies:\nerror: REFUSED downloading tarball a@1.0.0 (and 2 more)',
    )
  })
})

describe('a registry that is away', () => {
  /** As npm 11 tells of a failure; `silent` is asked and never answers. */
  const npmWhosePing = (code: string) =>
    code === 'silent'
      ? 'echo "npm notice PING https://u:secret@registry.example/npm/" >&2; exec /bin/sleep 60'
      : `echo "npm notice PING https://u:secret@registry.example/npm/" >&2
         echo "npm error code ${code.replace(' ', '" >&2; echo "npm error ')}" >&2; exit 1`
  const download = (project: ReturnType<typeof makeProject>, script: string) =>
    runDownload({
      what: 'Bun 1.4.5',
      command: project.program('installer', script),
      args: [],
      cwd: project.dir,
      env: contextOf(project).env,
      awayMaxMs: 300,
    })

  const reasons = [
    ['EAI_AGAIN', 'its name is not resolved'],
    ['ENOTFOUND', 'its name is not resolved'],
    ['ECONNREFUSED', 'the connection is refused'],
    ['ENETUNREACH', 'there is no way to it'],
    ['ERR_SOCKET_TIMEOUT', 'no answer within 8 s'],
    ['FETCH_ERROR network timeout at: https://registry.example/npm/', 'no answer within 8 s'],
    ['ECONNRESET', 'the connection breaks (ECONNRESET)'],
    ['SELF_SIGNED_CERT_IN_CHAIN', 'its certificate is not trusted (SELF_SIGNED_CERT_IN_CHAIN)'],
  ] as const
  for (const [code, words] of reasons)
    test(`is one sentence, not an installer's trace: ${code.split(' ')[0]}`, async () => {
      using project = makeProject()
      project.program('npm', npmWhosePing(code))
      // One that would go on trying is ended; one that has given up is not shown.
      for (const script of ['exec /bin/sleep 60', 'echo a trace; exit 1']) {
        const failure = await failureOf(download(project, script))
        expect(failure.message).toBe(
          `The npm registry https://registry.example/npm/ can't be reached: ${words}. Bun 1.4.5 would come from there. ` +
            'Mend the network, HTTPS_PROXY or the registry in .npmrc, and try again.',
        )
      }
    })

  test('stops nobody who needs nothing of it, or finds everything in the cache', async () => {
    using project = makeProject()
    project.program('npm', npmWhosePing('EAI_AGAIN'))
    expect(await download(project, 'echo cached')).toEqual({ isDone: true, output: 'cached' })
    project.program('npm', npmWhosePing('silent'))
    expect(await download(project, 'echo cached')).toEqual({ isDone: true, output: 'cached' })
  })

  test('is told from one that is there and knows no ping: then the installer has the word', async () => {
    using project = makeProject()
    project.program('npm', npmWhosePing('E404'))
    expect(await download(project, 'echo no such package; exit 1')).toEqual({
      isDone: false,
      output: 'no such package',
    })
  })
})

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

describe('a setting', () => {
  test('comes from the environment, else from the .env files in the order in which Bun reads them', () => {
    using project = makeProject()
    const name = 'PUBSUB_REDIS_URL'
    expect(settingOf(name, contextOf(project))).toBeUndefined()
    project.write('.env', `${name}="redis://from-env:6379"\n`)
    expect(settingOf(name, contextOf(project))).toBe('redis://from-env:6379')
    project.write('.env.production', `${name}=redis://from-production:6379\n`)
    expect(settingOf(name, contextOf(project, { NODE_ENV: 'production' }))).toBe(
      'redis://from-production:6379',
    )
    project.write('.env.local', `${name}=redis://from-local:6379\n`)
    expect(settingOf(name, contextOf(project))).toBe('redis://from-local:6379')
    expect(settingOf(name, contextOf(project, { [name]: 'redis://set:6379' }))).toBe('redis://set:6379')
  })
})

describe('the browser of the page’s tests', () => {
  const ADVICE =
    'The tests of the live page are skipped; they run where chromium is (Debian: sudo apt install chromium; or CHROMIUM=<its path>; or --yes).'
  const APT = 'Installing chromium: apt-get install --no-install-recommends chromium ...'
  const INSTALLS = (bin: string) =>
    `[ "$1" = chromium ] || exit 64\nprintf '#!/bin/sh\\n' >${bin}/chromium\n/bin/chmod 755 ${bin}/chromium\n`

  const cases: {
    what: string
    has?: string
    env?: Record<string, string>
    apt?: (bin: string) => string
    isAgreed?: boolean
    gets?: string
    says: string[]
  }[] = [
    { what: 'is the one on PATH', has: 'google-chrome', gets: 'google-chrome', says: [] },
    { what: 'is not installed unasked, and how to run them is said in one line', says: [ADVICE] },
    {
      what: 'is installed where that was agreed to',
      isAgreed: true,
      apt: INSTALLS,
      gets: 'chromium',
      says: [APT],
    },
    {
      what: 'is done without where it can not be installed',
      isAgreed: true,
      apt: () => "echo 'E: dpkg was interrupted'; exit 100",
      says: [APT, `apt-get could not install chromium:\nE: dpkg was interrupted\n${ADVICE}`],
    },
    {
      what: 'is not replaced where another one is named',
      env: { CHROMIUM: '/nowhere/chromium' },
      isAgreed: true,
      apt: INSTALLS,
      says: [ADVICE],
    },
    {
      what: 'is not waited for longer than a minute or two',
      isAgreed: true,
      apt: bin => `while [ ! -e ${bin}/done ]; do /bin/sleep 0.05; done`,
      says: [APT, `chromium is not installed yet. ${ADVICE}`],
    },
  ]
  for (const { what, has, env, apt, isAgreed = false, gets, says } of cases)
    test(what, async () => {
      using project = makeProject()
      if (has) project.program(has, '')
      if (apt) {
        project.program('apt-get', 'exit 99')
        project.write('deploy/launch/install-package.sh', apt(project.bin))
      }
      const { provideChromium } = (await import(join(project.dir, 'deploy/launch/chromium.mjs'))) as {
        provideChromium(context: object): Promise<string | undefined>
      }
      const context = contextOf(project, env)
      const asked = { ...context, isAgreed, systemPath: project.bin, userId: 0 }
      const limit = says.at(-1)?.startsWith('chromium is not') ? { installMaxMs: 50 } : {}
      try {
        expect(await provideChromium({ ...asked, ...limit })).toBe(gets && join(project.bin, gets))
      } finally {
        project.program('done', '')
      }
      expect(context.said).toEqual(says)
    })
})
