// One end of a connection. What is written here arrives at the other end in order; an orderly end comes behind it, a
// break at once. The faces that our code and its libraries expect of a socket are put on top of it.
import type { Direction, Line, Network } from './network.ts'
import type { Process } from './process.ts'

export interface EndHandlers {
  connect?: () => void
  /** One character a byte. */
  data?: (bytes: string) => void
  /** The other side says no more. */
  end?: () => void
  /** It is over; told once. */
  close?: (error: Error | undefined) => void
}

interface EndPlace {
  id: number
  owner: Process
  line: Line
  /** Of what is written here. */
  direction: Direction
}

export class End {
  readonly id: number
  readonly owner: Process
  readonly #network: Network
  readonly #line: Line
  readonly #direction: Direction
  handlers: EndHandlers = {}
  #other: End | undefined
  /** When the last thing that was sent here arrives; nothing overtakes it. */
  #lastArrivalMs = 0
  #hasEnded = false
  #hasHeardEnd = false
  #isClosed = false
  #isBroken = false

  constructor(network: Network, { id, owner, line, direction }: EndPlace) {
    this.#network = network
    this.id = id
    this.owner = owner
    this.#line = line
    this.#direction = direction
    line.ends.add(this)
    owner.onDeath.add(this.#die)
  }

  /** Who connected, by its process' name. */
  get from(): string {
    return this.#line.from
  }

  get isClosed(): boolean {
    return this.#isClosed
  }

  /** Answers who has knocked; whatever is written here arrives behind that. */
  join(other: End): void {
    this.#other = other
    other.#other = this
    this.#send(near => near.#handle(() => near.handlers.connect?.()))
  }

  write(bytes: string): void {
    if (this.#isClosed || this.#hasEnded || bytes === '') return
    for (const piece of this.#network.piecesOf(this.#line, bytes))
      this.#send(other =>
        other.#handle(() => {
          this.#network.onDelivered(other.owner, piece)
          other.handlers.data?.(piece)
        }),
      )
  }

  /** Says no more. The connection is over when the other side has said the same. */
  end(): void {
    if (this.#isClosed || this.#hasEnded) return
    this.#hasEnded = true
    if (!this.#other) return this.#close(undefined)
    this.#send(other => other.#hearEnd())
    if (this.#hasHeardEnd) this.#close(undefined)
  }

  /** It is over here at once; the other side is told as soon as it can be. */
  destroy(error?: Error): void {
    if (this.#isClosed) return
    this.#send(other => other.#close(resetError()))
    this.#close(error)
  }

  /** The line is cut. */
  breakOff(): void {
    if (this.#isClosed) return
    if (!this.#network.isDelivered(this.#line)) this.#isBroken = true
    this.#network.schedule.after(
      Math.max(0, this.#lastArrivalMs - this.#network.schedule.nowMs),
      this.owner,
      () => this.#close(resetError()),
    )
  }

  /** Nobody listens there. */
  refuse(): void {
    this.#network.schedule.after(0, this.owner, () => this.#close(refusedError()))
  }

  #send(arrive: (other: End) => void): void {
    const { schedule } = this.#network
    const line = this.#line
    const other = this.#other
    const atMs = Math.max(schedule.nowMs + this.#network.latencyMs(line), other ? other.#lastArrivalMs : 0)
    if (other) other.#lastArrivalMs = atMs
    schedule.after(atMs - schedule.nowMs, this.#network.kernel, () => {
      if (!other) return
      const go = () => schedule.after(0, other.owner, () => other.#arrive(arrive))
      // Once something waits, all that follows waits behind it.
      if (line.states[this.#direction] === 'silent') line.held[this.#direction].push(go)
      else go()
    })
  }

  #arrive(act: (end: End) => void): void {
    if (!this.#isBroken) act(this)
  }

  #handle(act: () => void): void {
    if (!this.#isClosed && !this.#hasHeardEnd) act()
  }

  #hearEnd(): void {
    if (this.#isClosed || this.#hasHeardEnd) return
    this.#hasHeardEnd = true
    this.handlers.end?.()
    // Nobody here goes on talking to somebody who has hung up.
    if (this.#hasEnded) this.#close(undefined)
    else this.end()
  }

  #close(error: Error | undefined): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#line.ends.delete(this)
    this.owner.onDeath.delete(this.#die)
    this.handlers.close?.(error)
    this.handlers = {}
  }

  /** Its process has died: its kernel ends what it had. */
  #die = (): void => {
    if (this.#isClosed) return
    this.#send(other => other.#close(resetError()))
    this.#isClosed = true
    this.#line.ends.delete(this)
    this.handlers = {}
  }
}

const resetError = (): Error => Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' })
const refusedError = (): Error => Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' })
