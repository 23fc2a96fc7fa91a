// The face that Node's `net.Socket` has, on an end of a simulated connection: as much of it as ioredis and modesl use.
import { EventEmitter } from 'node:events'
import type { End } from './end.ts'

export class NodeSocket extends EventEmitter {
  readonly #end: End
  connecting: boolean
  destroyed = false
  writable = true
  readable = true
  readonly remoteAddress: string
  readonly remotePort: number
  #timeoutMs = 0
  #timer: Timer | undefined
  /** Written before the connection stood, or while it is corked. */
  #kept = ''
  #corks = 0

  /** @param isConnected false: it is still being connected. */
  constructor(end: End, place: { host: string; port: number }, isConnected: boolean) {
    super()
    this.#end = end
    this.connecting = !isConnected
    this.remoteAddress = place.host
    this.remotePort = place.port
    end.handlers = {
      connect: () => this.#onConnect(),
      data: bytes => this.#onData(bytes),
      end: () => this.#onEnd(),
      close: error => this.#onClose(error),
    }
  }

  write(data: string | Uint8Array, ...rest: unknown[]): boolean {
    if (this.destroyed || !this.writable) return false
    const bytes = bytesOf(data)
    if (this.connecting || this.#corks > 0) this.#kept += bytes
    else this.#end.write(bytes)
    this.#touch()
    const callback = rest.find(each => typeof each === 'function') as (() => void) | undefined
    if (callback) process.nextTick(callback)
    return true
  }

  end(data?: string | Uint8Array): this {
    if (typeof data === 'string' || data instanceof Uint8Array) this.write(data)
    this.writable = false
    this.#corks = 0
    this.#writeKept()
    if (this.connecting) this.destroy()
    else this.#end.end()
    return this
  }

  destroy(error?: Error): this {
    if (this.destroyed) return this
    this.#end.destroy(error)
    this.#onClose(error)
    return this
  }

  cork(): void {
    this.#corks++
  }

  uncork(): void {
    if (this.#corks > 0) this.#corks--
    this.#writeKept()
  }

  setTimeout(ms: number, onTimeout?: () => void): this {
    this.#timeoutMs = ms
    if (onTimeout) this.once('timeout', onTimeout)
    this.#touch()
    return this
  }

  setNoDelay = (): this => this
  setKeepAlive = (): this => this
  setEncoding = (): this => this
  resume = (): this => this
  pause = (): this => this
  ref = (): this => this
  unref = (): this => this

  #onConnect(): void {
    this.connecting = false
    this.emit('connect')
    this.emit('ready')
    this.#writeKept()
    this.#touch()
  }

  #writeKept(): void {
    if (this.#kept === '' || this.connecting || this.#corks > 0 || this.destroyed) return
    this.#end.write(this.#kept)
    this.#kept = ''
  }

  #onData(bytes: string): void {
    if (this.destroyed) return
    this.#touch()
    this.emit('data', Buffer.from(bytes, 'latin1'))
  }

  #onEnd(): void {
    if (this.destroyed) return
    this.readable = false
    this.writable = false
    this.emit('end')
  }

  #onClose(error: Error | undefined): void {
    if (this.destroyed) return
    this.destroyed = true
    this.writable = false
    this.readable = false
    this.connecting = false
    clearTimeout(this.#timer)
    // As Node does: after the turn in which it happened.
    process.nextTick(() => {
      if (error) this.emit('error', error)
      this.emit('close', error !== undefined)
    })
  }

  #touch(): void {
    clearTimeout(this.#timer)
    if (this.#timeoutMs > 0 && !this.destroyed)
      this.#timer = setTimeout(() => this.emit('timeout'), this.#timeoutMs)
  }
}

/** One character a byte. */
export const bytesOf = (data: string | Uint8Array): string =>
  typeof data === 'string'
    ? isAscii(data)
      ? data
      : Buffer.from(data, 'utf8').toString('latin1')
    : Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('latin1')

// biome-ignore lint/suspicious/noControlCharactersInRegex: that is what ASCII is.
const isAscii = (text: string): boolean => /^[\x00-\x7f]*$/.test(text)
