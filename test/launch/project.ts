// A throw-away project for the launcher's tests: a temporary directory with a copy of deploy/, a package.json
// without dependencies, and whatever programs the test puts on its PATH. Nothing here touches the tree that
// is under test, and nothing needs the network.
import { chmodSync, cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'

/** The directory of the launcher's modules in the tree under test. */
export const LAUNCH_DIR = join(import.meta.dir, '..', '..', 'deploy', 'launch')

/** The real redis-server, for tests of what the launcher does with one: the launcher itself names it to its
 *  tests. */
export const REDIS_SERVER = process.env.HOOKSWITCH_REDIS_SERVER || Bun.which('redis-server') || undefined

export type Project = {
  dir: string
  /** Its only directory on PATH, to begin with empty. */
  bin: string
  /** Writes a file, by its path inside the project. */
  write(path: string, text: string): void
  /** Puts a shell script on PATH. */
  program(name: string, script: string): string
  /** Puts a real program of this machine on PATH. */
  link(name: string, target: string): void
  [Symbol.dispose](): void
}

/** Makes one; `using` removes it with everything in it. */
export function makeProject(): Project {
  const dir = mkdtempSync(join(tmpdir(), 'hookswitch-launch-'))
  const bin = join(dir, 'bin')
  mkdirSync(bin)
  cpSync(join(LAUNCH_DIR, '..'), join(dir, 'deploy'), { recursive: true })
  const write = (path: string, text: string) => {
    mkdirSync(dirname(join(dir, path)), { recursive: true })
    writeFileSync(join(dir, path), text)
  }
  write('package.json', JSON.stringify({ name: 'stand-in', type: 'module', engines: { bun: Bun.version } }))
  return {
    dir,
    bin,
    write,
    program(name, script) {
      const path = join(bin, name)
      writeFileSync(path, `#!/bin/sh\n${script}\n`)
      chmodSync(path, 0o755)
      return path
    },
    link: (name, target) => symlinkSync(target, join(bin, name)),
    [Symbol.dispose]: () => rmSync(dir, { recursive: true, force: true }),
  }
}

/** The lines that a launcher's module said, and the context that collects them. */
export function contextOf(project: Project, env: Record<string, string | undefined> = {}) {
  const said: string[] = []
  const say = (line: string) => {
    said.push(line)
  }
  return { projectDir: project.dir, env: { PATH: project.bin, HOME: project.dir, ...env }, said, say }
}

/** The failure that a promise ends with. @throws when it does not fail */
export async function failureOf(promise: Promise<unknown>): Promise<Error & { exitCode?: number }> {
  const outcome = await promise.then(
    () => undefined,
    (error: Error) => error,
  )
  if (!outcome) throw new Error('expected a failure')
  return outcome
}
