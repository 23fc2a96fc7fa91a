// The network between the processes: listeners by host and port, connections, and the lines on which these run. Bytes
// arrive in order, after a while, perhaps in pieces. A line can be cut, can fall silent in one direction or in both, and
// can be slow; what becomes of the bytes under way is drawn by chance.
import { type Random, seededRandom } from '../../chaos/random.ts'
import { End } from './end.ts'
import type { Process } from './process.ts'
import type { Schedule } from './schedule.ts'

/** `silent`: the line is there, and nothing passes; nobody is told. */
export type LineState = 'open' | 'cut' | 'silent'

/** As seen from who connected. */
export type Direction = 'there' | 'back'

export interface Listener {
  owner: Process
  accept: (end: End) => void
}

/** Between one process and one place, for all connections that the process has there. */
export interface Line {
  /** The name of the process that connects. */
  readonly from: string
  /** Each line has a randomness of its own, so that one does not change what another does. */
  readonly random: Random
  states: Record<Direction, LineState>
  /** On top of what every packet takes. */
  delayMs: number
  /** Chunks are cut in pieces that arrive one by one. */
  isInPieces: boolean
  ends: Set<End>
  /** What waits for the line to speak again, in order. */
  held: Record<Direction, (() => void)[]>
}

/** A packet between two machines of one room; now and then one is late. */
const LATENCY_MIN_MS = 0.05
const LATENCY_MAX_MS = 0.6
const LATE_CHANCE = 0.01
const LATE_MAX_MS = 20

export class Network {
  readonly kernel: Process
  /** Told of each connection that a listener is given. @param from who connected. */
  onAccepted: (to: Process, from: string) => void = () => undefined
  /** Told of bytes that a process is being given. */
  onDelivered: (to: Process, bytes: string) => void = () => undefined
  readonly #schedule: Schedule
  readonly #seed: number
  readonly #listeners = new Map<string, Listener>()
  readonly #lines = new Map<string, Line>()
  #endId = 1

  /** @param kernel never sleeps, never dies: what passes along lines is its doing. */
  constructor(schedule: Schedule, kernel: Process, seed: number) {
    this.#schedule = schedule
    this.kernel = kernel
    this.#seed = seed
  }

  get schedule(): Schedule {
    return this.#schedule
  }

  /** @throws when somebody listens there already. @returns what ends the listening. */
  listen(place: string, listener: Listener): () => void {
    if (this.#listeners.has(place)) throw new Error(`EADDRINUSE: ${place}`)
    this.#listeners.set(place, listener)
    const leave = () => {
      if (this.#listeners.get(place) === listener) this.#listeners.delete(place)
      listener.owner.onDeath.delete(leave)
    }
    listener.owner.onDeath.add(leave)
    return leave
  }

  /** The line between a process and a place. */
  line(from: string, place: string): Line {
    const key = `${from} ${place}`
    let line = this.#lines.get(key)
    if (!line) {
      line = {
        from,
        random: seededRandom(this.#seed, `line ${key}`),
        states: { there: 'open', back: 'open' },
        delayMs: 0,
        isInPieces: false,
        ends: new Set(),
        held: { there: [], back: [] },
      }
      this.#lines.set(key, line)
    }
    return line
  }

  /** Begins to connect. The end is usable at once; it is told when the connection stands, or that it never will. */
  connect(owner: Process, place: string): End {
    const line = this.line(owner.name, place)
    const near = new End(this, { id: this.#endId++, owner, line, direction: 'there' })
    const knock = () => {
      const listener = this.#listeners.get(place)
      if (near.isClosed) return
      if (!listener || line.states.there === 'cut') return near.refuse()
      const far = new End(this, { id: this.#endId++, owner: listener.owner, line, direction: 'back' })
      // The kernel answers, whether the process has time for it or not.
      far.join(near)
      this.#schedule.after(0, listener.owner, () => {
        if (far.isClosed) return
        this.onAccepted(listener.owner, owner.name)
        listener.accept(far)
      })
    }
    this.#passBare(line, knock)
    return near
  }

  /** What asks for a connection: the kernel hears it, which never sleeps. */
  #passBare(line: Line, act: () => void): void {
    this.#schedule.after(this.latencyMs(line), this.kernel, () => {
      if (line.states.there === 'silent') line.held.there.push(act)
      else act()
    })
  }

  latencyMs(line: Line): number {
    const { random } = line
    const usual = random.between(LATENCY_MIN_MS, LATENCY_MAX_MS)
    const late = random.chance(LATE_CHANCE) ? random.between(0, LATE_MAX_MS) : 0
    return usual + late + line.delayMs
  }

  /** Where a chunk is cut, if the line delivers in pieces. */
  piecesOf(line: Line, bytes: string): string[] {
    if (!line.isInPieces || bytes.length < 2) return [bytes]
    const cut = line.random.whole(1, bytes.length - 1)
    return [bytes.slice(0, cut), bytes.slice(cut)]
  }

  /** Breaks all connections of a line. What is under way is lost or arrives first, as it is drawn. */
  cut(line: Line): void {
    line.states = { there: 'cut', back: 'cut' }
    line.held = { there: [], back: [] }
    for (const end of [...line.ends]) end.breakOff()
  }

  /** In one direction or in both nothing passes any more, and nobody is told. */
  silence(line: Line, directions: readonly Direction[]): void {
    for (const direction of directions) line.states[direction] = 'silent'
  }

  /** The line is well again; what waited arrives now. */
  heal(line: Line): void {
    line.states = { there: 'open', back: 'open' }
    const { there, back } = line.held
    line.held = { there: [], back: [] }
    for (const go of [...there, ...back]) go()
  }

  /** Draws whether what is under way still arrives when a connection breaks. */
  isDelivered(line: Line): boolean {
    return line.random.chance(0.5)
  }
}
