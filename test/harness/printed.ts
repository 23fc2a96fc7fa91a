// What a process prints, by way of a file. A pipe would do if Bun always read it: under load `for await` over a
// subprocess's stdout stops now and then for good (Bun 1.4.5), the pipe fills, and the process that writes its log
// stands still. A file takes whatever comes.
import { closeSync, mkdtempSync, openSync, readSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface Printed {
  /** To be given to the process as its stdout or stderr. */
  fd: number
  /** Stops looking, after one last look. */
  close(): void
}

/** How soon a test sees what was printed. */
const LOOK_MS = 5
const CHUNK_BYTES = 64 * 1024

/** Opens a file without a name and tells what is added to it, in order. */
export function openPrinted(onText: (text: string) => void): Printed {
  const directory = mkdtempSync(join(tmpdir(), 'hookswitch-printed-'))
  // The process gets a descriptor of its own, whose position is its own too; appending keeps its threads apart.
  const path = join(directory, 'out')
  const fd = openSync(path, 'a')
  const reading = openSync(path, 'r')
  rmSync(directory, { recursive: true })

  const decoder = new TextDecoder()
  const chunk = Buffer.alloc(CHUNK_BYTES)
  let position = 0
  const look = () => {
    for (;;) {
      const length = readSync(reading, chunk, 0, CHUNK_BYTES, position)
      if (length === 0) return
      position += length
      onText(decoder.decode(chunk.subarray(0, length), { stream: true }))
    }
  }
  const timer = setInterval(look, LOOK_MS)
  return {
    fd,
    close() {
      clearInterval(timer)
      look()
      closeSync(fd)
      closeSync(reading)
    },
  }
}
