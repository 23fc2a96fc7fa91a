// Where a test must say how late is too late, it says it for a machine that keeps time. This one tells for how long
// the machine let the test itself stand still, because a busy one does so to the service and to Redis too.

const STEP_MS = 5

/** An answer passes the listener, a wait worker, Redis, the worker and the listener again; each may stand still once. */
const PLACES = 5

/** Watches from now on. @returns a function that ends the watch and tells by how many milliseconds an answer may be
 *  late for no fault of the service. */
export function watchStalls(): () => number {
  let lastMs = performance.now()
  let longestMs = 0
  const timer = setInterval(() => {
    const nowMs = performance.now()
    longestMs = Math.max(longestMs, nowMs - lastMs - STEP_MS)
    lastMs = nowMs
  }, STEP_MS)
  return () => {
    clearInterval(timer)
    return PLACES * longestMs
  }
}
