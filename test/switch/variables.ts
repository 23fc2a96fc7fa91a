// A channel's variables in FreeSWITCH's order: setting one that exists moves it to the end. Values are texts, or
// lists once something has been pushed twice (`transfer_history`).

export class Variables {
  #values = new Map<string, string | string[]>()

  get(name: string): string | string[] | undefined {
    return this.#values.get(name)
  }

  /** The value as one text; of a list, the first. */
  text(name: string): string | undefined {
    const value = this.#values.get(name)
    return typeof value === 'string' || value === undefined ? value : value[0]
  }

  isTrue(name: string): boolean {
    return /^(true|yes|on|enable|enabled|active|allow|t|1)$/i.test(this.text(name) ?? '')
  }

  /** An empty value removes the variable, as in FreeSWITCH. */
  set(name: string, value: string | undefined): void {
    this.#values.delete(name)
    if (value !== undefined && value !== '') this.#values.set(name, value)
  }

  setAll(pairs: readonly (readonly [string, string])[]): void {
    for (const [name, value] of pairs) this.set(name, value)
  }

  /** Adds to the front of a list; the first value stays a plain text. */
  push(name: string, value: string): void {
    const old = this.#values.get(name)
    this.#values.set(name, old === undefined ? value : [value, ...(Array.isArray(old) ? old : [old])])
  }

  delete(name: string): void {
    this.#values.delete(name)
  }

  entries(): IterableIterator<[string, string | string[]]> {
    return this.#values.entries()
  }
}
