// Provides Bun, the runtime of the service. A fitting `bun` on PATH is used as it is; otherwise the project
// keeps a copy of its own in .hookswitch/bun, taken from npm, which is the one downloader a Node machine
// surely has. Nothing outside the project directory is changed.
import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
} from 'node:fs'
import { join } from 'node:path'
import { LaunchFailure } from './failure.mjs'
import { compareVersions, findProgram, isExecutable, parseVersion, versionOf } from './program.mjs'
import { runDownload } from './registry.mjs'

/** Finds or installs Bun in the version that package.json names in `engines.bun`.
 *  @param {{ projectDir: string, env: Record<string, string | undefined>, say: (line: string) => void }}
 *    context
 *  @returns {Promise<string>} the path of a binary that was run and told its version
 *  @throws {LaunchFailure} when npm is missing or cannot install it */
export async function provideBun({ projectDir, env, say }) {
  const wanted = wantedVersion(projectDir)
  const onPath = findProgram('bun', env.PATH)
  const versionOnPath = onPath && versionOf(onPath)
  if (versionOnPath && isFitting(versionOnPath, wanted)) return onPath

  const home = join(projectDir, '.hookswitch', 'bun')
  const kept = workingCopy(home, wanted)
  if (kept) return kept

  const reason = versionOnPath ? ` (the bun on PATH is ${versionOnPath.join('.')})` : ''
  say(`Installing Bun ${wanted.join('.')} from npm into .hookswitch/bun${reason} ...`)
  return await installBun({ home, wanted, env })
}

/** Same major and minor version, and at least that patch: what a lock file and measured behaviour allow. */
export function isFitting(found, wanted) {
  return found[0] === wanted[0] && found[1] === wanted[1] && compareVersions(found, wanted) >= 0
}

function wantedVersion(projectDir) {
  const named = JSON.parse(readFileSync(join(projectDir, 'package.json'), 'utf8')).engines?.bun ?? ''
  const version = parseVersion(named)
  if (!version) throw new LaunchFailure('package.json names no Bun version in engines.bun.')
  return version
}

async function installBun({ home, wanted, env }) {
  const npm = findProgram('npm', env.PATH)
  const version = wanted.join('.')
  if (!npm) {
    throw new LaunchFailure(
      `Neither Bun ${version} nor npm was found. Install npm, or Bun from https://bun.com, and try again.`,
    )
  }
  mkdirSync(join(home, '..'), { recursive: true })
  // Into a directory of its own first, and moved when it works: an installation cut short, or a second
  // launcher installing at the same time, never leaves half a Bun behind.
  const fresh = mkdtempSync(`${home}-`)
  try {
    const args = ['install', '--prefix', fresh, '--no-save', '--no-audit', '--no-fund', `bun@${version}`]
    const step = await runDownload({ what: `Bun ${version}`, command: npm, args, cwd: fresh, env })
    if (!step.isDone) throw new LaunchFailure(`npm could not install Bun ${version}:\n${step.output}`)
    if (!workingCopy(fresh, wanted)) runInstallScript(fresh)
    if (!workingCopy(fresh, wanted)) {
      throw new LaunchFailure(`npm installed Bun ${version}, but the binary does not run on this machine.`)
    }
    putInPlace(fresh, home, wanted)
  } finally {
    rmSync(fresh, { recursive: true, force: true })
  }
  return workingCopy(home, wanted)
}

// npm may hold back the package's install script, which would put the binary in place of a stand-in of the
// same name. The real one then still lies in the platform's package.
function workingCopy(home, wanted) {
  const platforms = join(home, 'node_modules', '@oven')
  const platformBinaries = existsSync(platforms)
    ? readdirSync(platforms).map(name => join(platforms, name, 'bin', 'bun'))
    : []
  return [join(home, 'node_modules', '.bin', 'bun'), ...platformBinaries]
    .filter(isExecutable)
    .find(binary => {
      const version = versionOf(binary)
      return version !== undefined && isFitting(version, wanted)
    })
}

function runInstallScript(home) {
  spawnSync(process.execPath, ['install.js'], { cwd: join(home, 'node_modules', 'bun') })
}

function putInPlace(fresh, home, wanted) {
  // A copy that works was put there by another launcher meanwhile, and may be running.
  if (workingCopy(home, wanted)) return
  rmSync(home, { recursive: true, force: true })
  // Temporary directories are for one user; the copy may serve others too.
  chmodSync(fresh, 0o755)
  renameSync(fresh, home)
}
