// The service as the measurements start it: a process of one checkout, on free ports of this machine, and ready when it is
// handed out.
import { join } from 'node:path'
import { freePort } from '../test/harness/redis.ts'
import { answers, kill } from './wake/processes.ts'

/** This checkout. */
export const ROOT = join(import.meta.dir, '..')

type Output = 'pipe' | 'ignore' | 'inherit' | Bun.BunFile

/** @param settings the environment, but for addresses and ports; nothing else of this process's own is handed on.
 *  @param options where its output goes, and another checkout whose packages are installed.
 *  @throws when it is not ready within fifteen seconds; it is ended then. */
export async function startService<Out extends Output, Err extends Output>(
  settings: Record<string, string>,
  options: { stdout: Out; stderr: Err; root?: string },
) {
  const { stdout, stderr, root = ROOT } = options
  const [port, internalPort] = [await freePort(), await freePort()]
  const child = Bun.spawn([process.execPath, 'src/main.ts'], {
    cwd: root,
    env: {
      // No setting of ours: a program finds others by it, also where all settings are the measurement's own.
      PATH: process.env.PATH ?? '',
      HOST: '127.0.0.1',
      PORT: String(port),
      INTERNAL_PORT: String(internalPort),
      SOCKET_PORT: '0',
      ...settings,
    },
    stdout,
    stderr,
  })
  try {
    await answers(`http://127.0.0.1:${internalPort}/readyz`, child)
  } catch (thrown) {
    await kill(child)
    throw thrown
  }
  return { port, child }
}
