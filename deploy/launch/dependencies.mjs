// Keeps node_modules in step with the lock file. `bun install --frozen-lockfile` runs when node_modules is
// missing, or was installed from another bun.lock or package.json; a marker inside node_modules says from
// which. The lock file itself is never changed here.
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { LaunchFailure } from './failure.mjs'
import { networkOfNpm, runDownload } from './registry.mjs'

const MARKER = join('node_modules', '.hookswitch-lock')

/** Installs the dependencies if they are not the locked ones.
 *  @param {{ projectDir: string, env: Record<string, string | undefined>, say: (line: string) => void }}
 *    context
 *  @param {string} bun path of the Bun binary
 *  @throws {LaunchFailure} with Bun's own words when it cannot install them */
export async function installDependencies({ projectDir, env, say }, bun) {
  const marker = join(projectDir, MARKER)
  const wanted = fingerprint(projectDir)
  if (existsSync(marker) && readFileSync(marker, 'utf8') === wanted) return

  say('Installing dependencies with Bun into node_modules ...')
  const network = await networkOfNpm({ cwd: projectDir, env })
  const step = await runDownload({
    what: 'The dependencies',
    command: bun,
    args: ['install', '--frozen-lockfile', ...network.args],
    cwd: projectDir,
    // NODE_ENV=production would leave out what the tests and the checks need.
    env: { ...env, ...network.env, NODE_ENV: undefined },
  })
  if (!step.isDone)
    throw new LaunchFailure(`Bun could not install the dependencies:\n${withoutRepeats(step.output)}`)
  mkdirSync(dirname(marker), { recursive: true })
  writeFileSync(marker, wanted)
}

/** Bun says the same of each of some 260 packages; one line a kind tells as much. */
function withoutRepeats(output) {
  const kinds = new Map()
  for (const line of output.split('\n').filter(text => text.trim() !== '')) {
    const kind = line.replace(/\S+@\S+$/, '')
    kinds.set(kind, [...(kinds.get(kind) ?? []), line])
  }
  return [...kinds.values()]
    .map(([first, ...others]) => (others.length > 0 ? `${first} (and ${others.length} more)` : first))
    .join('\n')
}

function fingerprint(projectDir) {
  const hash = createHash('sha256')
  for (const file of ['bun.lock', 'package.json']) {
    const path = join(projectDir, file)
    if (existsSync(path)) hash.update(file).update(readFileSync(path))
  }
  return hash.digest('hex')
}
