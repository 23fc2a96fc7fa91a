// What the launcher finds or installs before it runs anything: Bun and the dependencies, and what it says where the npm
// registry is away. The installers on PATH are stand-ins, so nothing leaves the temporary directory.
import { describe, expect, test } from 'bun:test'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { contextOf, failureOf, LAUNCH_DIR, makeProject } from './project.ts'

type Context = ReturnType<typeof contextOf>
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
