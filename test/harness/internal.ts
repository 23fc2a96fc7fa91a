// What an operator sees: readiness and counters, read from the internal listener as their tools do.

/** What keeps the service from taking calls; empty = ready. A service that does not listen yet has one too. */
export async function obstaclesOf(internalUrl: string): Promise<string[]> {
  try {
    const response = await fetch(`${internalUrl}/readyz`)
    const { obstacles } = (await response.json()) as { obstacles: string[] }
    return obstacles
  } catch (thrown) {
    return [String(thrown)]
  }
}

/** All series: `name{label="value"}` → value. */
export async function readMetrics(internalUrl: string): Promise<Map<string, number>> {
  const text = await (await fetch(`${internalUrl}/metrics`)).text()
  const series = text.split('\n').filter(line => line !== '' && !line.startsWith('#'))
  return new Map(
    series.map(line => {
      const blank = line.lastIndexOf(' ')
      return [line.slice(0, blank), Number(line.slice(blank + 1))]
    }),
  )
}

const STEP_MS = 25
const LIMIT_MS = 30_000

/** Asks again and again until the answer is true, for what has no event to wait for.
 *  @throws after `LIMIT_MS`, naming what never came. */
export async function eventually(what: string, isTrue: () => Promise<boolean> | boolean): Promise<void> {
  const limitAtMs = performance.now() + LIMIT_MS
  while (!(await isTrue())) {
    if (performance.now() > limitAtMs) throw new Error(`never came: ${what}`)
    await Bun.sleep(STEP_MS)
  }
}

export const untilReady = (internalUrl: string): Promise<void> =>
  eventually('readiness', async () => (await obstaclesOf(internalUrl)).length === 0)
