// Reads lines from whoever holds the writing end, and knows when nobody does any more. Bun's own reading of a child's
// stdout stops now and then for good on a busy machine (Bun 1.4.5), so this one looks by itself.
import { closeSync, constants, mkdtempSync, openSync, readSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface LineReader {
  /** To be given to a process, and to be closed with `release` once that has it. */
  fd: number
  release(): void
  /** The next line; undefined when it has ended. */
  next(): Promise<string | undefined>
}

const LOOK_MS = 5

/** Less than a test's limit, so that a line which never comes is told as such. */
const LINE_TIMEOUT_MS = 45_000
const CHUNK_BYTES = 64 * 1024

export function openLineReader(): LineReader {
  const directory = mkdtempSync(join(tmpdir(), 'hookswitch-lines-'))
  const path = join(directory, 'fifo')
  Bun.spawnSync(['mkfifo', path])
  const reading = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
  const fd = openSync(path, 'w')
  rmSync(directory, { recursive: true })

  const chunk = Buffer.alloc(CHUNK_BYTES)
  const lines: string[] = []
  /** For the words of a failure. */
  const told: string[] = []
  let rest = ''
  let hasEnded = false

  function look(): void {
    if (hasEnded) return
    let length: number
    try {
      length = readSync(reading, chunk)
    } catch (thrown) {
      if ((thrown as NodeJS.ErrnoException).code === 'EAGAIN') return
      throw thrown
    }
    if (length === 0) {
      hasEnded = true
      closeSync(reading)
      return
    }
    const parts = (rest + chunk.toString('utf8', 0, length)).split('\n')
    rest = parts.pop() ?? ''
    lines.push(...parts)
    told.push(...parts)
  }

  return {
    fd,
    release: () => closeSync(fd),
    async next() {
      const endsAtMs = performance.now() + LINE_TIMEOUT_MS
      for (;;) {
        look()
        const line = lines.shift()
        if (line !== undefined || hasEnded) return line
        if (performance.now() > endsAtMs) throw new Error(`no further line behind ${JSON.stringify(told)}`)
        await Bun.sleep(LOOK_MS)
      }
    },
  }
}
