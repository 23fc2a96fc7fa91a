// The load on one target: as many PBX requests held as asked for, the oldest confirmed first, and a new one posted
// on the line of each that was answered, so that their number stays. Either at a steady rate, whatever the target
// does (open loop), or as fast as it goes with so many confirmations under way.
import { type HttpLine, type LineOwner, openLine } from './httpLine.ts'
import type { CallBytes, CallMaker } from './requests.ts'

export interface Load {
  /** Makes the bytes of so many calls, so that a round needs none made. */
  prepare(calls: number): Promise<void>
  /** Brings the number of held requests up to `count`, at most `perSecond` of them a second. */
  holdUpTo(count: number, perSecond: number): Promise<void>
  /** Confirms `perSecond` a second. @returns what was seen after the lead-in. */
  steady(round: { perSecond: number; leadInSeconds: number; seconds: number }): Promise<Observed>
  /** Keeps `atOnce` confirmations under way. */
  flatOut(round: { atOnce: number; leadInSeconds: number; seconds: number }): Promise<Observed>
  close(): void
}

/** Latencies from the confirmation's first byte written to the PBX's answer received, ms, in no order. */
export interface Observed {
  latenciesMs: number[]
  seconds: number
  /** PBX requests that were answered. */
  released: number
  /** Confirmations that were refused (the request was not held yet, or the target could not), those without effect,
   *  and those that were due and not sent because the target was too far behind. */
  refused: number
  lost: number
  missed: number
}

/** Lines on which apps confirm. At 1,000 a second one or two are busy; more mean that the target is behind. */
const RELEASE_LINES_MAX = 512

/** A confirmed request that is not answered by then is counted as lost and confirmed again. */
const LOST_AFTER_MS = 5_000

/** `status=ACK`: what all targets answer to the PBX; a NAK differs in the letter at this place. */
const ACK_AT = -3
const ACK_LETTER = 'A'.charCodeAt(0)

interface HeldCall {
  bytes: CallBytes
  line: HttpLine
  /** 0 until then. */
  confirmedAtMs: number
  /** Whether the first of the two answers, the PBX's and the app's, has come. */
  isHalfDone: boolean
}

/** @param onHeld told of each call that is posted. */
export function createLoad(
  target: { holdPort: number; releasePort: number },
  makeCall: CallMaker,
  onHeld?: (call: CallBytes) => void,
): Load {
  const prepared: CallBytes[] = []
  const calls = new Map<number, HeldCall>()
  const waiting = createQueue()
  const idle: HttpLine[] = []
  let releaseLines = 0
  let nextCall = 0
  let isClosing = false
  let atOnce = 0
  let underWay = 0
  let seen: Observed | undefined

  const pbx: LineOwner = {
    answered(line, status, answer) {
      const nowMs = performance.now()
      const call = calls.get(line.call)
      if (!call) throw new Error('a PBX got an answer to nothing')
      const isAck = status === 200 && answer[answer.length + ACK_AT] === ACK_LETTER
      if (!isAck || call.confirmedAtMs === 0) return answeredOtherwise(line, call)
      if (seen) {
        seen.released++
        seen.latenciesMs.push(nowMs - call.confirmedAtMs)
      }
      const number = line.call
      hold(line)
      finishHalf(number, call)
    },
    closed() {
      if (!isClosing) throw new Error('the target closed a held request')
    },
  }

  /** A NAK, or the answer to a confirmation that was taken for lost. */
  function answeredOtherwise(line: HttpLine, call: HeldCall): void {
    if (seen) seen.lost++
    calls.delete(line.call)
    hold(line)
    if (call.confirmedAtMs === 0) return
    underWay--
    if (underWay < atOnce) release()
  }

  const app: LineOwner = {
    answered(line, status) {
      idle.push(line)
      const call = calls.get(line.call)
      // Undefined or 0: the request was counted as lost, and its answer comes late.
      if (!call?.confirmedAtMs) return
      if (status < 300) return finishHalf(line.call, call)
      if (seen) seen.refused++
      confirmAgain(line.call, call)
    },
    closed(line) {
      if (isClosing) return
      // Between the rounds a server may close connections that were idle for a while.
      const place = idle.indexOf(line)
      if (place < 0) throw new Error('the target closed the line of a confirmation under way')
      idle.splice(place, 1)
      releaseLines--
    },
  }

  function hold(line: HttpLine): void {
    const bytes = prepared.pop()
    if (!bytes) throw new Error('more calls were needed than prepared')
    line.call = nextCall++
    calls.set(line.call, { bytes, line, confirmedAtMs: 0, isHalfDone: false })
    waiting.push(line.call)
    line.write(bytes.hold)
    onHeld?.(bytes)
  }

  /** A release is over when both have their answer, in whichever order. */
  function finishHalf(number: number, call: HeldCall): void {
    if (!call.isHalfDone) {
      call.isHalfDone = true
      return
    }
    calls.delete(number)
    underWay--
    if (underWay < atOnce) release()
  }

  /** Puts the call back into the queue: the target may not have read the request yet. */
  function confirmAgain(number: number, call: HeldCall): void {
    call.confirmedAtMs = 0
    call.isHalfDone = false
    waiting.push(number)
    underWay--
    if (underWay < atOnce) release()
  }

  function release(): void {
    const line = idle.pop()
    const number = line && oldestHeld()
    const call = number === undefined ? undefined : calls.get(number)
    if (!line || number === undefined || !call) {
      if (line) idle.push(line)
      if (seen) seen.missed++
      return
    }
    line.call = number
    underWay++
    call.confirmedAtMs = performance.now()
    line.write(call.bytes.release)
  }

  function oldestHeld(): number | undefined {
    for (let number = waiting.shift(); number !== undefined; number = waiting.shift())
      if (calls.has(number)) return number
    return undefined
  }

  async function openReleaseLines(count: number): Promise<void> {
    for (; releaseLines < count; releaseLines++) idle.push(await openLine(target.releasePort, app))
  }

  /** Confirms the lost requests again. */
  function lookForLost(): void {
    const nowMs = performance.now()
    for (const [number, call] of calls) {
      if (call.confirmedAtMs === 0 || nowMs - call.confirmedAtMs < LOST_AFTER_MS) continue
      if (seen) seen.lost++
      confirmAgain(number, call)
    }
  }

  async function observe(leadInSeconds: number, seconds: number): Promise<Observed> {
    const lookout = setInterval(lookForLost, LOST_AFTER_MS / 2)
    await Bun.sleep(leadInSeconds * 1_000)
    const begunAtMs = performance.now()
    const observed: Observed = { latenciesMs: [], seconds, released: 0, refused: 0, lost: 0, missed: 0 }
    seen = observed
    await Bun.sleep(seconds * 1_000)
    seen = undefined
    observed.seconds = (performance.now() - begunAtMs) / 1_000
    clearInterval(lookout)
    return observed
  }

  async function quiet(): Promise<void> {
    const deadline = performance.now() + LOST_AFTER_MS
    while (underWay > 0 && performance.now() < deadline) await Bun.sleep(5)
  }

  return {
    async prepare(count) {
      while (prepared.length < count) prepared.push(await makeCall())
    },

    async holdUpTo(count, perSecond) {
      const begunAtMs = performance.now()
      for (let opened = 0; calls.size < count; opened++) {
        hold(await openLine(target.holdPort, pbx))
        const aheadMs = (opened / perSecond) * 1_000 - (performance.now() - begunAtMs)
        if (aheadMs > 1) await Bun.sleep(aheadMs)
      }
    },

    async steady({ perSecond, leadInSeconds, seconds }) {
      await openReleaseLines(RELEASE_LINES_MAX)
      const stop = pace(perSecond, release)
      const observed = await observe(leadInSeconds, seconds)
      stop()
      await quiet()
      return observed
    },

    async flatOut(round) {
      await openReleaseLines(RELEASE_LINES_MAX)
      atOnce = round.atOnce
      for (let first = 0; first < atOnce; first++) release()
      const observed = await observe(round.leadInSeconds, round.seconds)
      atOnce = 0
      await quiet()
      return observed
    },

    close() {
      isClosing = true
      for (const call of calls.values()) call.line.close()
      for (const line of idle) line.close()
    },
  }
}

/** Calls back `perSecond` times a second by the clock: what a late timer missed is made up for. @returns the end. */
function pace(perSecond: number, due: () => void): () => void {
  const begunAtMs = performance.now()
  let done = 0
  const timer = setInterval(() => {
    const dueByNow = ((performance.now() - begunAtMs) * perSecond) / 1_000
    while (done < dueByNow) {
      done++
      due()
    }
  }, 1)
  return () => clearInterval(timer)
}

/** First in, first out; an array's own `shift` would move ten thousand entries. */
function createQueue() {
  let entries: number[] = []
  let first = 0
  return {
    push: (entry: number) => void entries.push(entry),
    shift(): number | undefined {
      const entry = entries[first]
      if (entry !== undefined) first++
      if (first > 4_096 && first * 2 > entries.length) {
        entries = entries.slice(first)
        first = 0
      }
      return entry
    },
  }
}
