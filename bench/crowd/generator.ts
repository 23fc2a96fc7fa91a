// The PBXs and apps of one holding process: posts requests until as many are held as asked for, confirms the eldest of
// them, and counts every answer. A process of its own for each holder, because each held request is an open file on both
// sides. It obeys the measuring process message by message.
import { type HttpLine, openLine } from '../wake/httpLine.ts'
import { type CallBytes, createCallMaker } from '../wake/requests.ts'

/** Measuring process → generator. Each gets one reply. */
export type Order =
  | { kind: 'open'; name: string; holdPort: number; releasePort: number }
  | { kind: 'fill'; count: number; perSecond: number }
  | { kind: 'confirm'; count: number; perSecond: number }
  /** Reports the state, and counts answers without a confirmation from 0 again. */
  | { kind: 'count' }

/** What a generator has seen. */
export interface Seen {
  held: number
  /** Answers to requests that nobody had confirmed: ACKs, which are wrong, and NAKs. */
  acks: number
  naks: number
  /** From a confirmation's first byte written to the PBX's ACK, ms. */
  latenciesMs: number[]
  /** Confirmed requests that got no ACK. */
  unanswered: number
}

export type Reply = { kind: 'seen'; seen: Seen } | { kind: 'failed'; reason: string }

/** Confirmations under way at once. */
const RELEASE_LINES = 64

/** A confirmed request that is not answered by then is counted as unanswered. */
const ANSWER_LIMIT_MS = 5_000

const LETTER_AT = -3
const ACK_LETTER = 'A'.charCodeAt(0)

interface HeldCall {
  bytes: CallBytes
  confirmedAtMs?: number
}

let opened: Extract<Order, { kind: 'open' }>
let makeCall: ReturnType<typeof createCallMaker>
let nextCall = 0
/** The requests by the number of their connection, in the order in which they were posted. */
const held = new Map<number, HeldCall>()
let seen = nothing()

function nothing(): Seen {
  return { held: 0, acks: 0, naks: 0, latenciesMs: [], unanswered: 0 }
}

const pbx = {
  answered(line: HttpLine, _status: number, answer: Buffer): void {
    const call = held.get(line.call)
    if (!call) return
    held.delete(line.call)
    const isAck = answer[answer.length + LETTER_AT] === ACK_LETTER
    if (call.confirmedAtMs === undefined) {
      if (isAck) seen.acks++
      else seen.naks++
    } else if (isAck) seen.latenciesMs.push(performance.now() - call.confirmedAtMs)
    else seen.unanswered++
  },
  closed(line: HttpLine): void {
    held.delete(line.call)
  },
}

/** Calls back `count` times, at a steady rate by the clock. */
async function pace(count: number, perSecond: number, due: () => Promise<void> | void): Promise<void> {
  const begunAtMs = performance.now()
  for (let done = 0; done < count; done++) {
    const aheadMs = (done / perSecond) * 1_000 - (performance.now() - begunAtMs)
    if (aheadMs > 1) await Bun.sleep(aheadMs)
    await due()
  }
}

async function fill(count: number, perSecond: number): Promise<void> {
  await pace(count, perSecond, async () => {
    const line = await openLine(opened.holdPort, pbx)
    line.call = nextCall++
    const bytes = await makeCall()
    held.set(line.call, { bytes })
    line.write(bytes.hold)
  })
}

async function confirm(count: number, perSecond: number): Promise<void> {
  const app = { answered: (line: HttpLine) => void idle.push(line), closed: () => undefined }
  const idle: HttpLine[] = await Promise.all(
    Array.from({ length: RELEASE_LINES }, () => openLine(opened.releasePort, app)),
  )
  const all = [...idle]
  const eldest = [...held.values()].slice(0, count)
  await pace(eldest.length, perSecond, async () => {
    while (idle.length === 0) await Bun.sleep(1)
    const [call, line] = [eldest.shift()!, idle.pop()!]
    call.confirmedAtMs = performance.now()
    line.write(call.bytes.release)
  })
  const deadline = performance.now() + ANSWER_LIMIT_MS
  const isUnderWay = () => [...held.values()].some(call => call.confirmedAtMs !== undefined)
  while (isUnderWay() && performance.now() < deadline) await Bun.sleep(10)
  for (const call of held.values()) if (call.confirmedAtMs !== undefined) seen.unanswered++
  for (const line of all) line.close()
}

async function obey(order: Order): Promise<void> {
  switch (order.kind) {
    case 'open':
      opened = order
      // The apps of this measurement are known by their tokens alone.
      makeCall = createCallMaker('before', order.name)
      return
    case 'fill':
      return fill(order.count, order.perSecond)
    case 'confirm':
      return confirm(order.count, order.perSecond)
    case 'count':
      return
  }
}

const reply = (message: Reply) => process.send?.(message)

process.on('message', (order: Order) => {
  obey(order).then(
    () => {
      reply({ kind: 'seen', seen: { ...seen, held: held.size } })
      seen = nothing()
    },
    thrown => reply({ kind: 'failed', reason: String(thrown) }),
  )
})
process.on('disconnect', () => process.exit(0))
