// Programs that a measurement starts: how they are started, waited for, observed and ended, whatever they do.
import { readdirSync, readFileSync } from 'node:fs'
import { setPriority } from 'node:os'
import { messageOf } from '../../src/base/result.ts'

const START_TIMEOUT_MS = 15_000
const ASK_INTERVAL_MS = 50

/** Resolves when the URL answers with a 2xx. @throws when it does not within fifteen seconds. */
export async function answers(url: string, child: Bun.Subprocess): Promise<void> {
  const deadline = performance.now() + START_TIMEOUT_MS
  let last = 'no answer'
  while (performance.now() < deadline) {
    if (child.exitCode !== null) throw new Error(`the program behind ${url} ended with ${child.exitCode}`)
    try {
      const response = await fetch(url)
      if (response.ok) return
      last = `${response.status} ${await response.text()}`
    } catch (thrown) {
      last = messageOf(thrown)
    }
    await Bun.sleep(ASK_INTERVAL_MS)
  }
  throw new Error(`${url} never answered: ${last}`)
}

/** Sends SIGTERM, and SIGKILL to a process that does not end. */
export async function end(child: Bun.Subprocess): Promise<void> {
  child.kill('SIGTERM')
  await Promise.race([child.exited, Bun.sleep(2_000)])
  await kill(child)
}

/** SIGKILL. */
export async function kill(child: Bun.Subprocess): Promise<void> {
  child.kill('SIGKILL')
  await child.exited
}

/** Resident memory of a process, threads included, in bytes. */
export function residentBytes(pid: number): number {
  const kibibytes = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1]
  return Number(kibibytes) * 1_024
}

const NS_PER_MS = 1_000_000

/** CPU time that a process has used so far, ms: of all threads that it has now. The scheduler's own figure, because
 *  `/proc/<pid>/stat` counts in hundredths of a second: of a round that is a percent. */
export function cpuMs(pid: number): number {
  const threads = readdirSync(`/proc/${pid}/task`)
  const used = threads.map(thread => Number(scheduled(`/proc/${pid}/task/${thread}/schedstat`).split(' ')[0]))
  return used.reduce((sum, each) => sum + each, 0) / NS_PER_MS
}

/** The scheduler's figures of a thread; a thread that ended meanwhile is left out. */
function scheduled(file: string): string {
  try {
    return readFileSync(file, 'latin1')
  } catch {
    return '0'
  }
}

export function childrenOf(pid: number): number[] {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1').trim()
  return children === '' ? [] : children.split(' ').map(Number)
}

/** Open files that this process and those it starts may have. */
export function openFilesMax(): number {
  const hard = /^Max open files\s+\d+\s+(\d+|unlimited)/m.exec(
    readFileSync('/proc/self/limits', 'latin1'),
  )?.[1]
  return hard === 'unlimited' ? Number.POSITIVE_INFINITY : Number(hard)
}

/** Raises this process's priority, so that other programs disturb less. Every process that is started later has the same
 *  priority. @returns false where the system does not allow it; all targets then have the ordinary priority. */
export function raisePriority(niceness: number): boolean {
  try {
    setPriority(niceness)
    return true
  } catch {
    return false
  }
}
