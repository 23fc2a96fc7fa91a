// The one seam between our code and the simulated world: what a program gets of its runtime (timers, clocks, randomness
// and sockets) is replaced in this whole process, and stands for whichever simulated process is at work. Our code and
// its libraries run as they are, and know nothing of it. Outside a simulated process' turn everything is as ever.
import { createRequire } from 'node:module'
import { bunConnect, bunListen, freePorts } from './bunSocket.ts'
import { Network } from './network.ts'
import { NodeSocket } from './nodeSocket.ts'
import { Process } from './process.ts'
import { type Happening, Schedule } from './schedule.ts'
import { SimulatedWorker, type WorkerProgram } from './worker.ts'

/** The ways to the simulated world: its time and its network. */
export interface Machine {
  schedule: Schedule
  network: Network
  /** Adds a process. */
  spawn(name: string): Process
  /** What runs in worker threads, by the file name of their program. */
  programs: Map<string, WorkerProgram>
  /** Threads that were started, by their process' name. */
  workers: Map<string, SimulatedWorker>
}

// ioredis and modesl ask for it by `require`, and read it anew for each connection.
const net = createRequire(import.meta.url)('node:net') as typeof import('node:net')

const real = {
  setTimeout: globalThis.setTimeout,
  clearTimeout: globalThis.clearTimeout,
  setInterval: globalThis.setInterval,
  clearInterval: globalThis.clearInterval,
  setImmediate: globalThis.setImmediate,
  clearImmediate: globalThis.clearImmediate,
  dateNow: Date.now,
  performanceNow: performance.now.bind(performance),
  random: Math.random,
  randomUUID: crypto.randomUUID.bind(crypto),
  getRandomValues: crypto.getRandomValues.bind(crypto),
  abortTimeout: AbortSignal.timeout,
  sleep: Bun.sleep,
  connect: Bun.connect,
  listen: Bun.listen,
  netConnect: net.connect,
  netCreateConnection: net.createConnection,
  Worker: globalThis.Worker,
}

/** This machine's own stopwatch, for the figures. */
export const stopwatchMs = real.performanceNow

let machine: Machine | undefined

/** Whose turn it is; undefined: nobody's, so that the real thing is wanted. */
function atWork(): Process | undefined {
  if (!machine) return undefined
  return machine.schedule.isAtWork ? machine.schedule.current : undefined
}

/** Opens a world of its own time. There is one at a time. */
export function openMachine(seed: number): Machine {
  const schedule = new Schedule()
  const kernel = new Process(schedule, 'kernel', seed)
  const network = new Network(schedule, kernel, seed)
  freePorts()
  timerId = 1
  machine = {
    schedule,
    network,
    spawn: name => new Process(schedule, name, seed),
    programs: new Map(),
    workers: new Map(),
  }
  return machine
}

export function closeMachine(): void {
  machine = undefined
}

let timerId = 1

class SimulatedTimer {
  readonly #id = timerId++
  happening: Happening | undefined

  ref = (): this => this
  unref = (): this => this
  hasRef = (): boolean => true
  close(): this {
    stop(this)
    return this
  }
  [Symbol.toPrimitive](): number {
    return this.#id
  }
  [Symbol.dispose](): void {
    stop(this)
  }
}

function stop(timer: unknown): void {
  if (timer instanceof SimulatedTimer && timer.happening) timer.happening.isOff = true
}

type Callback = (...args: unknown[]) => void

/** Node's least; a timer without a time is due in the next turn. */
const TIMER_MIN_MS = 1

function later(owner: Process, act: Callback, ms: number | undefined, args: unknown[]): SimulatedTimer {
  const timer = new SimulatedTimer()
  timer.happening = machine!.schedule.after(Math.max(TIMER_MIN_MS, Number(ms) || 0), owner, () =>
    act(...args),
  )
  return timer
}

function again(owner: Process, act: Callback, ms: number | undefined, args: unknown[]): SimulatedTimer {
  const timer = new SimulatedTimer()
  const { schedule } = machine!
  const everyMs = Math.max(TIMER_MIN_MS, Number(ms) || 0)
  const turn = () => {
    timer.happening = schedule.after(everyMs, owner, turn)
    act(...args)
  }
  timer.happening = schedule.after(everyMs, owner, turn)
  return timer
}

const clear =
  (otherwise: (timer: never) => void) =>
  (timer: unknown): void =>
    timer instanceof SimulatedTimer ? stop(timer) : otherwise(timer as never)

/** Puts the seam in place, for the rest of this process' life. */
export function takeOverRuntime(): void {
  const runtime = globalThis as unknown as Record<string, unknown>
  runtime.setTimeout = (act: Callback, ms?: number, ...args: unknown[]) => {
    const owner = atWork()
    return owner ? later(owner, act, ms, args) : real.setTimeout(act, ms, ...args)
  }
  runtime.setInterval = (act: Callback, ms?: number, ...args: unknown[]) => {
    const owner = atWork()
    return owner ? again(owner, act, ms, args) : real.setInterval(act, ms, ...args)
  }
  runtime.setImmediate = (act: Callback, ...args: unknown[]) => {
    const owner = atWork()
    if (!owner) return real.setImmediate(act, ...args)
    const timer = new SimulatedTimer()
    timer.happening = machine!.schedule.after(0, owner, () => act(...args))
    return timer
  }
  runtime.clearTimeout = clear(real.clearTimeout)
  runtime.clearInterval = clear(real.clearInterval)
  runtime.clearImmediate = clear(real.clearImmediate)

  Date.now = () => atWork()?.wallMs() ?? real.dateNow()
  performance.now = () => atWork()?.stopwatchMs() ?? real.performanceNow()
  Math.random = () => atWork()?.random.next() ?? real.random()
  Object.assign(crypto, {
    randomUUID: () => {
      const owner = atWork()
      return owner ? uuidBy(owner) : real.randomUUID()
    },
    getRandomValues: (array: ArrayBufferView<ArrayBuffer>) => {
      const owner = atWork()
      if (!owner) return real.getRandomValues(array)
      const bytes = new Uint8Array(array.buffer, array.byteOffset, array.byteLength)
      for (let at = 0; at < bytes.length; at++) bytes[at] = owner.random.whole(0, 255)
      return array
    },
  })
  AbortSignal.timeout = (ms: number) => {
    if (!atWork()) return real.abortTimeout(ms)
    const controller = new AbortController()
    setTimeout(() => controller.abort(new DOMException('The operation timed out.', 'TimeoutError')), ms)
    return controller.signal
  }

  // An object from `new` replaces what `new` would have made.
  runtime.Worker = function OpenedWorker(program: string | URL, options?: WorkerOptions) {
    const owner = atWork()
    return owner ? startWorker(machine!, owner, String(program)) : new real.Worker(program, options)
  }

  const bun = Bun as unknown as Record<string, unknown>
  bun.sleep = (ms: number) =>
    atWork() ? new Promise<void>(resolve => setTimeout(resolve, ms)) : real.sleep(ms)
  bun.connect = (options: Parameters<typeof bunConnect>[2]) => {
    const owner = atWork()
    return owner ? bunConnect(machine!.network, owner, options) : real.connect(options as never)
  }
  bun.listen = (options: Parameters<typeof bunListen>[2]) => {
    const owner = atWork()
    return owner ? bunListen(machine!.network, owner, options) : real.listen(options as never)
  }

  const connect = (otherwise: unknown) =>
    function connectTo(this: unknown, ...args: unknown[]) {
      const owner = atWork()
      if (!owner) return (otherwise as (...args: unknown[]) => unknown).apply(this, args)
      const [{ host = '127.0.0.1', port = 0 }, onConnect] = args as [
        { host?: string; port?: number },
        (() => void)?,
      ]
      const socket = new NodeSocket(machine!.network.connect(owner, `${host}:${port}`), { host, port }, false)
      if (onConnect) socket.once('connect', onConnect)
      return socket
    }
  Object.assign(net, {
    connect: connect(real.netConnect),
    createConnection: connect(real.netCreateConnection),
  })
}

function startWorker({ schedule, spawn, programs, workers }: Machine, owner: Process, program: string) {
  const file = program.slice(program.lastIndexOf('/') + 1)
  const begin = programs.get(file)
  if (!begin) throw new Error(`no program of a simulated thread is called ${file}`)
  const process = spawn(`${owner.name}/${owner.nextThread()}`)
  owner.threads.add(process)
  process.onDeath.add(() => owner.threads.delete(process))
  const worker = new SimulatedWorker({ schedule, owner, process, begin })
  workers.set(process.name, worker)
  return worker
}

const HEX = '0123456789abcdef'

/** Version 4, as `crypto.randomUUID` makes them. */
function uuidBy({ random }: Process): string {
  return 'xxxxxxxx-xxxx-4xxx-8xxx-xxxxxxxxxxxx'.replace(/x/g, () => HEX[random.whole(0, 15)]!)
}
