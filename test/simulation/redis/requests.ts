// Cuts a client's bytes into commands. Clients send arrays of texts (`*2\r\n$3\r\nGET\r\n…`); the one-line form that
// people type is not spoken here.

/** Thrown for bytes that are no command: Redis closes such a connection. */
export class ProtocolFault extends Error {
  override readonly name = 'ProtocolFault'
}

export class RequestReader {
  #bytes = ''
  #at = 0

  /** @param bytes one character each. @returns the commands that are whole now. @throws ProtocolFault */
  push(bytes: string): string[][] {
    this.#bytes = this.#at === this.#bytes.length ? bytes : this.#bytes.slice(this.#at) + bytes
    this.#at = 0
    const commands: string[][] = []
    for (let command = this.#next(); command; command = this.#next()) commands.push(command)
    return commands
  }

  #next(): string[] | undefined {
    const head = this.#line(this.#at, '*')
    if (!head) return undefined
    const words: string[] = []
    let at = head.end
    for (let left = head.number; left > 0; left--) {
      const size = this.#line(at, '$')
      if (!size) return undefined
      const end = size.end + size.number
      if (this.#bytes.length < end + 2) return undefined
      words.push(this.#bytes.slice(size.end, end))
      at = end + 2
    }
    this.#at = at
    return words
  }

  #line(at: number, mark: string): { number: number; end: number } | undefined {
    if (at >= this.#bytes.length) return undefined
    if (this.#bytes[at] !== mark) throw new ProtocolFault(`expected '${mark}', got '${this.#bytes[at]}'`)
    const end = this.#bytes.indexOf('\r\n', at)
    if (end < 0) return undefined
    return { number: Number(this.#bytes.slice(at + 1, end)), end: end + 2 }
  }
}
