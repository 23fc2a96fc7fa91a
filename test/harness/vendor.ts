// Apple and Google as a test plays them: it sees each push whole, as the vendor would, and decides its outcome. The
// service runs as a process of its own (`vendorService.ts`); pushes and outcomes pass between the processes.
import type { PushOutcome, PushPayload, PushTarget } from '../../src/push/push.ts'
import { startService, type TestService } from './service.ts'

export interface VendorPush {
  id: number
  target: PushTarget
  payload: PushPayload
}

/** Bytes on the heaps of the service's threads after a garbage collection. */
export interface HeapWeight {
  mainBytes: number
  waitWorkerBytes: number
}

/** Test → service. */
export type ToVendorService = { kind: 'outcome'; id: number; outcome: PushOutcome } | { kind: 'weigh' }

export interface VendorService extends TestService {
  /** All pushes so far. */
  pushes: VendorPush[]
  /** The nth push that fits (the first, if not said), past or future. @throws after ten seconds. */
  sent(fits: (push: VendorPush) => boolean, nth?: number): Promise<VendorPush>
  /** Decides what becomes of the pushes to come; accepts them all at first. */
  decide: (push: VendorPush) => PushOutcome | Promise<PushOutcome>
  /** Collects garbage and weighs the rest. Needs `TEST_WAIT_PROGRAM: '../wake/measuredWait.ts'`. */
  weigh(): Promise<HeapWeight>
}

export const ACCEPTED: PushOutcome = { kind: 'accepted', id: 'a-push' }

const PUSH_TIMEOUT_MS = 30_000

export async function startVendorService(env: Record<string, string>): Promise<VendorService> {
  const pushes: VendorPush[] = []
  const watchers = new Set<() => void>()
  let onWeight: ((weight: HeapWeight) => void) | undefined
  const service = await startService(env, {
    path: 'test/harness/vendorService.ts',
    onMessage(message, child) {
      const received = message as VendorPush | HeapWeight
      if ('mainBytes' in received) return onWeight?.(received)
      pushes.push(received)
      for (const look of watchers) look()
      void answerPush(received, child)
    },
  })
  async function answerPush(push: VendorPush, child: Bun.Subprocess): Promise<void> {
    const outcome = await vendor.decide(push)
    child.send({ kind: 'outcome', id: push.id, outcome } satisfies ToVendorService)
  }
  const vendor: VendorService = {
    ...service,
    pushes,
    decide: () => ACCEPTED,
    weigh() {
      const { promise, resolve } = Promise.withResolvers<HeapWeight>()
      onWeight = resolve
      service.process.send({ kind: 'weigh' } satisfies ToVendorService)
      return promise
    },
    sent(fits, nth = 1) {
      return new Promise((resolve, reject) => {
        const look = () => {
          const found = pushes.filter(fits)[nth - 1]
          if (found === undefined) return
          watchers.delete(look)
          clearTimeout(timer)
          resolve(found)
        }
        const timer = setTimeout(() => {
          watchers.delete(look)
          reject(new Error(`never pushed; it printed:\n${service.output()}`))
        }, PUSH_TIMEOUT_MS)
        watchers.add(look)
        look()
      })
    },
  }
  return vendor
}
