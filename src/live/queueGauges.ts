// Brings the gauges of the job lists up to date when Prometheus asks. They belong to Redis, not to this process, so
// every process tells the same; where Redis does not answer they are left out, because an old number is no number.
import type { Metrics } from '../base/metrics.ts'
import type { Queues } from '../redis/jobs/queues.ts'

/** Prometheus gives a scrape ten seconds; the other metrics must not wait for a slow Redis. */
const READ_LIMIT_MS = 1_000

/** @returns to be called before a scrape. Never rejects. */
export function keepQueueGauges(queues: Queues, metrics: Metrics): () => Promise<void> {
  const { queueDepth, deadLetterDepth, jobsInFlight } = metrics
  return async () => {
    const read = await readWithin(queues, READ_LIMIT_MS)
    for (const gauge of [queueDepth, deadLetterDepth, jobsInFlight]) gauge.reset()
    if (!read) return
    const [depths, inFlight] = read
    for (const { list, waiting, dead, isNoList } of depths) {
      if (isNoList) continue
      queueDepth.set({ list }, waiting)
      deadLetterDepth.set({ list }, dead)
    }
    for (const [list, count] of inFlight) jobsInFlight.set({ list }, count)
  }
}

async function readWithin(queues: Queues, limitMs: number) {
  let timer: Timer | undefined
  const late = new Promise<undefined>(resolve => {
    timer = setTimeout(() => resolve(undefined), limitMs)
  })
  try {
    return await Promise.race([Promise.all([queues.depths(), queues.inFlight()]), late])
  } catch {
    // Redis is away: readiness and its own gauge tell that.
    return undefined
  } finally {
    clearTimeout(timer)
  }
}
