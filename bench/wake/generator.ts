// The load generator's process: one for each target, all alike, so that the generator's own cost is the same for
// each. It obeys the measuring process message by message and answers each with what it saw.
import { createLoad, type Load, type Observed } from './load.ts'
import { openPushedKeys } from './pushedKeys.ts'
import { createCallMaker, type TargetKind } from './requests.ts'

export interface GeneratorTarget {
  kind: TargetKind
  holdPort: number
  releasePort: number
  redisPort: number
}

/** Measuring process → generator. Each gets one reply. */
export type Order =
  | { kind: 'open'; target: GeneratorTarget; holder: string }
  | { kind: 'prepare'; calls: number }
  | { kind: 'hold'; count: number; perSecond: number }
  | { kind: 'steady'; perSecond: number; leadInSeconds: number; seconds: number }
  | { kind: 'flat-out'; atOnce: number; leadInSeconds: number; seconds: number }

export type Reply = { kind: 'done'; observed?: Observed } | { kind: 'failed'; reason: string }

let load: Load | undefined

async function obey(order: Order): Promise<Observed | undefined> {
  if (order.kind === 'open') {
    const { target, holder } = order
    const keys =
      target.kind === 'hookswitch' || target.kind === 'before' ? openPushedKeys(target.redisPort) : undefined
    load = createLoad(target, createCallMaker(target.kind, holder), keys?.learn)
    return undefined
  }
  if (!load) throw new Error('not opened')
  switch (order.kind) {
    case 'prepare':
      await load.prepare(order.calls)
      return undefined
    case 'hold':
      await load.holdUpTo(order.count, order.perSecond)
      return undefined
    case 'steady':
      return load.steady(order)
    case 'flat-out':
      return load.flatOut(order)
  }
}

const reply = (message: Reply) => process.send?.(message)

process.on('message', (order: Order) => {
  obey(order).then(
    observed => reply({ kind: 'done', ...(observed ? { observed } : {}) }),
    thrown => reply({ kind: 'failed', reason: String(thrown) }),
  )
})
process.on('uncaughtException', error => {
  reply({ kind: 'failed', reason: String(error) })
})
process.on('disconnect', () => process.exit(0))
