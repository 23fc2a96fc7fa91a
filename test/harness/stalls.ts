// Where a test must say how late is too late, it says it for a machine that keeps time. This one tells for how long
// the machine let the test itself stand still, because a busy one does so to the service too.

const STEP_MS = 5

/** Watches from now on. @returns a function that ends the watch and tells the longest standstill in milliseconds. */
export function watchStalls(): () => number {
  let lastMs = performance.now()
  let longestMs = 0
  const timer = setInterval(() => {
    const nowMs = performance.now()
    longestMs = Math.max(longestMs, nowMs - lastMs)
    lastMs = nowMs
  }, STEP_MS)
  return () => {
    clearInterval(timer)
    return longestMs
  }
}
