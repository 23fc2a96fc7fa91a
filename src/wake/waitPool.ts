// The main thread's side of the wait workers: gives each held request to one of them, relays pushes and outcomes,
// and replaces a worker that crashed, handing its waits to the successor. It knows threads and numbers; what a wake
// means stands in `wakeDesk.ts`, how a wait ends in `waitRoom.ts`.
import type { Log } from '../base/log.ts'
import { assertNever } from '../base/result.ts'
import { MS_PER_SECOND } from '../base/units.ts'
import {
  createOutbox,
  type FromWaitWorker,
  openBatch,
  type ToWaitWorker,
  type WaitOrder,
  type WaitOver,
  type WaitWorkerSettings,
} from './waitMessages.ts'

export interface WaitPoolOptions {
  /** The worker's program; tests pass one that can be made to crash. */
  program: URL
  workers: number
  waitsMax: number
  /** Requests of one account that are held at once. */
  waitsPerAccountMax: number
  /** Everything but the inbox, which is each worker's own. */
  settings: Omit<WaitWorkerSettings, 'inbox'>
  inboxOf: (worker: number) => string
  onPush: (message: Extract<FromWaitWorker, { kind: 'push' }>) => void
  onJoined: (id: number, isFull: boolean) => void
  onOver: (over: WaitOver) => void
  onCrash: () => void
  log: Log
}

/** The setting that keeps a request from being held. */
export type WaitLimit = 'WAITS_MAX' | 'WAITS_PER_ACCOUNT'

interface Thread {
  worker: Worker
  send: (message: ToWaitWorker) => void
  /** Requests this thread holds, by id: what its successor resumes. */
  held: Map<number, WaitOrder>
  deafForMs: number
}

/** A worker that dies at once, again and again, must not spin a core: its successors start this far apart. */
const RESPAWN_DELAY_MS = 250

/** How long a start waits for the subscriptions; without Redis the service starts all the same, unready. */
const READY_TIMEOUT_MS = 2 * MS_PER_SECOND

export type WaitPool = Awaited<ReturnType<typeof openWaitPool>>

/** Starts the workers. Resolves when their inboxes are subscribed, or after two seconds without that. */
export async function openWaitPool(options: WaitPoolOptions) {
  const { log } = options
  const threads: Thread[] = []
  /** Requests held for each account; one without a request has no entry. */
  const heldOf = new Map<string, number>()
  let isClosing = false
  let nextId = 1
  let onEmpty: (() => void) | undefined

  /** @returns the thread at once, and a promise of its readiness. */
  function spawn(index: number, held: Map<number, WaitOrder>): { thread: Thread; ready: Promise<void> } {
    const { promise: ready, resolve: markReady } = Promise.withResolvers<void>()
    const worker = new Worker(options.program)
    const send = createOutbox<ToWaitWorker>('turn', batch => worker.postMessage(batch))
    const thread: Thread = { worker, send, held, deafForMs: Number.POSITIVE_INFINITY }

    worker.onmessage = (event: MessageEvent<string>) => {
      for (const message of openBatch<FromWaitWorker>(event)) hear(thread, message, markReady)
    }
    // An uncaught error fires 'error' and then 'close'; a worker that exits fires 'close' alone.
    worker.onerror = event => log.error({ worker: index, reason: event.message }, 'wait worker failed')
    worker.addEventListener('close', () => {
      if (isClosing) return
      options.onCrash()
      log.error({ worker: index, held: thread.held.size }, 'wait worker ended; a successor takes its waits')
      setTimeout(() => replace(index, thread), RESPAWN_DELAY_MS)
    })
    send({ kind: 'open', settings: { ...options.settings, inbox: options.inboxOf(index) } })
    return { thread, ready }
  }

  function replace(index: number, former: Thread): void {
    if (isClosing) return
    const { thread, ready } = spawn(index, former.held)
    threads[index] = thread
    // Its inbox must hear before its waits look at their records, or a decision falls between the two.
    void ready.then(() => {
      for (const order of thread.held.values()) thread.send({ ...order, isResumed: true })
    })
  }

  function hear(thread: Thread, message: FromWaitWorker, markReady: () => void): void {
    switch (message.kind) {
      case 'ready':
        thread.deafForMs = 0
        return markReady()
      case 'push': {
        const order = thread.held.get(message.id)
        if (order) order.attempts = Math.max(order.attempts ?? 0, message.attempt)
        return options.onPush(message)
      }
      case 'joined':
        return options.onJoined(message.id, message.isFull === true)
      case 'over':
        letGo(thread, message.id)
        options.onOver(message)
        if (heldCount() === 0) onEmpty?.()
        return
      case 'health':
        thread.deafForMs = message.deafForMs
        return
      default:
        return assertNever(message)
    }
  }

  function letGo(thread: Thread, id: number): void {
    const order = thread.held.get(id)
    if (!order) return
    thread.held.delete(id)
    const left = (heldOf.get(order.account) ?? 1) - 1
    if (left > 0) heldOf.set(order.account, left)
    else heldOf.delete(order.account)
  }

  const heldCount = () => threads.reduce((sum, thread) => sum + thread.held.size, 0)
  const threadOf = (id: number): Thread => threads[id % threads.length]!

  const spawned = Array.from({ length: options.workers }, (_, index) => spawn(index, new Map()))
  threads.push(...spawned.map(each => each.thread))
  await Promise.race([Promise.all(spawned.map(each => each.ready)), Bun.sleep(READY_TIMEOUT_MS)])

  return {
    /** Requests held now. */
    get size() {
      return heldCount()
    },

    /** The longest that any worker's inbox has heard nothing. */
    get deafForMs() {
      return Math.max(...threads.map(each => each.deafForMs))
    },

    /** Hands one request over. @returns its number, or which limit is reached. */
    hold(
      wake: Pick<WaitOrder, 'account' | 'callId' | 'arrivedAtMs' | 'waitMs' | 'attemptsBefore'>,
    ): number | WaitLimit {
      const { account } = wake
      if (heldCount() >= options.waitsMax) return 'WAITS_MAX'
      const ofAccount = heldOf.get(account) ?? 0
      if (ofAccount >= options.waitsPerAccountMax) return 'WAITS_PER_ACCOUNT'
      heldOf.set(account, ofAccount + 1)
      const id = nextId++
      const order: WaitOrder = { kind: 'wait', id, ...wake, isResumed: false }
      const thread = threadOf(id)
      thread.held.set(id, order)
      thread.send(order)
      return id
    },

    leave(id: number): void {
      threadOf(id).send({ kind: 'leave', id })
    },

    pushFailed(id: number, failed: { out: string[]; refused: string[] }): void {
      threadOf(id).send({ kind: 'push-failed', id, ...failed })
    },

    /** Resolves once no request is held; for a drain, when no new ones come. */
    emptied(): Promise<void> {
      if (heldCount() === 0) return Promise.resolve()
      return new Promise(resolve => {
        onEmpty = resolve
      })
    },

    /** Ends the workers; waits that are still held are given up. */
    async close(): Promise<void> {
      isClosing = true
      const closed = threads.map(
        each => new Promise<void>(resolve => each.worker.addEventListener('close', () => resolve())),
      )
      for (const thread of threads) thread.send({ kind: 'close' })
      await Promise.race([Promise.all(closed), Bun.sleep(MS_PER_SECOND)])
      for (const thread of threads) thread.worker.terminate()
    },
  }
}
