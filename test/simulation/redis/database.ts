// The keys and their values. Everything that can expire does so by the clock that is passed in, at the moment when
// somebody looks: a key whose time is over is as good as gone.

export type Value =
  | { type: 'string'; text: string }
  | { type: 'list'; items: string[] }
  | { type: 'set'; members: Set<string> }
  | { type: 'hash'; fields: Map<string, string> }
  | { type: 'zset'; scores: Map<string, number> }

export type ValueType = Value['type']

interface Entry {
  value: Value
  /** Undefined: it stays. */
  expiresAtMs?: number
}

/** What stood in a database at one moment. */
export type Copy = ReadonlyMap<string, Entry>

/** A command met a value of another kind. */
export class WrongType extends Error {
  override readonly name = 'WrongType'
}

const EMPTY_OF: { [Type in ValueType]: () => Extract<Value, { type: Type }> } = {
  string: () => ({ type: 'string', text: '' }),
  list: () => ({ type: 'list', items: [] }),
  set: () => ({ type: 'set', members: new Set() }),
  hash: () => ({ type: 'hash', fields: new Map() }),
  zset: () => ({ type: 'zset', scores: new Map() }),
}

export class Database {
  readonly #nowMs: () => number
  #entries = new Map<string, Entry>()

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs
  }

  /** A key's value, or undefined. */
  find(key: string): Value | undefined {
    return this.#live(key)?.value
  }

  /** @throws WrongType when the key holds another kind of value. */
  read<Type extends ValueType>(key: string, type: Type): Extract<Value, { type: Type }> | undefined {
    const value = this.find(key)
    if (value && value.type !== type) throw new WrongType()
    return value as Extract<Value, { type: Type }> | undefined
  }

  /** The same, made if there is none. Whoever takes the last item out of it calls `dropIfEmpty`. */
  open<Type extends ValueType>(key: string, type: Type): Extract<Value, { type: Type }> {
    const found = this.read(key, type)
    if (found) return found
    const value = EMPTY_OF[type]()
    this.#entries.set(key, { value })
    return value
  }

  /** Replaces whatever was there, its expiry included. */
  put(key: string, value: Value): void {
    this.#entries.set(key, { value })
  }

  /** @returns whether it was there. */
  delete(key: string): boolean {
    const isThere = this.#live(key) !== undefined
    this.#entries.delete(key)
    return isThere
  }

  /** A list, a set, a hash without an item does not exist. */
  dropIfEmpty(key: string): void {
    const value = this.#entries.get(key)?.value
    if (value && sizeOf(value) === 0) this.#entries.delete(key)
  }

  /** @returns -2 without such a key, -1 without an expiry, else the milliseconds that are left. */
  leftMs(key: string): number {
    const entry = this.#live(key)
    if (!entry) return -2
    return entry.expiresAtMs === undefined ? -1 : entry.expiresAtMs - this.#nowMs()
  }

  /** @param atMs undefined: it stays. @returns false without such a key. */
  expireAt(key: string, atMs: number | undefined): boolean {
    const entry = this.#live(key)
    if (!entry) return false
    if (atMs === undefined) delete entry.expiresAtMs
    else entry.expiresAtMs = atMs
    // In the past it goes at once.
    this.#live(key)
    return true
  }

  /** All keys, the oldest first. */
  keys(): string[] {
    return [...this.#entries.keys()].filter(key => this.#live(key))
  }

  clear(): void {
    this.#entries.clear()
  }

  copy(): Copy {
    return cloneAll(this.#entries)
  }

  restore(copy: Copy): void {
    this.#entries = cloneAll(copy)
  }

  #live(key: string): Entry | undefined {
    const entry = this.#entries.get(key)
    if (entry?.expiresAtMs === undefined || entry.expiresAtMs > this.#nowMs()) return entry
    this.#entries.delete(key)
    return undefined
  }
}

const cloneAll = (entries: ReadonlyMap<string, Entry>): Map<string, Entry> =>
  new Map([...entries].map(([key, entry]) => [key, structuredClone(entry)]))

function sizeOf(value: Value): number {
  switch (value.type) {
    case 'string':
      return 1
    case 'list':
      return value.items.length
    case 'set':
      return value.members.size
    case 'hash':
      return value.fields.size
    case 'zset':
      return value.scores.size
  }
}
