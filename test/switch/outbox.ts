// What a socket still has to send. Everything written in one turn goes out together; what the client does not take yet
// waits in order, and nothing is copied twice.

import type { Socket } from 'bun'

// A client this far behind has stopped reading. FreeSWITCH drops one that is 100,000 events behind, which at 10 KB an
// event is the same order.
const WAITING_BYTES_MAX = 1 << 30

export class Outbox {
  readonly #socket: Socket<unknown>
  readonly #isSilenced: () => boolean
  #due = ''
  #isFlushDue = false
  #waiting: Buffer[] = []
  #waitingBytes = 0
  #isEnding = false
  #isOver = false

  /** @param isSilenced while true nothing is sent and everything is kept. */
  constructor(socket: Socket<unknown>, isSilenced: () => boolean) {
    this.#socket = socket
    this.#isSilenced = isSilenced
  }

  /** One character is one byte. Sent at the end of this turn. */
  write(text: string): void {
    if (this.#isEnding || text === '') return
    this.#due += text
    if (this.#isFlushDue) return
    this.#isFlushDue = true
    queueMicrotask(() => {
      this.#isFlushDue = false
      // What already waits must go first; the socket will say when.
      if (this.#waiting.length === 0) this.flush()
    })
  }

  /** Sends as much as the client takes. Called again when it takes more. */
  flush(): void {
    if (this.#isOver || this.#isSilenced()) return
    if (this.#due !== '') this.#keep(Buffer.from(this.#due, 'latin1'))
    this.#due = ''
    for (let first = this.#waiting[0]; first; first = this.#waiting[0]) {
      const sent = Math.max(0, this.#socket.write(first))
      this.#waitingBytes -= sent
      if (sent === first.length) this.#waiting.shift()
      else {
        this.#waiting[0] = first.subarray(sent)
        break
      }
    }
    if (this.#waitingBytes > WAITING_BYTES_MAX) this.cut(true)
    else if (this.#isEnding && this.#waiting.length === 0) this.#end()
  }

  /** Sends what is there, takes nothing more, and closes. */
  end(): void {
    this.#isEnding = true
    this.flush()
  }

  /** Closes and forgets what is there. */
  cut(isReset: boolean): void {
    if (this.#isOver) return
    this.#isEnding = true
    this.#due = ''
    this.#waiting = []
    if (isReset) this.#isOver = true
    if (isReset) this.#socket.terminate()
    else this.#end()
  }

  #keep(bytes: Buffer): void {
    this.#waiting.push(bytes)
    this.#waitingBytes += bytes.length
  }

  #end(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#socket.end()
  }
}
