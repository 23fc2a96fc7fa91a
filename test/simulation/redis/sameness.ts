// What counts as the same answer of two servers. Redis keeps sets and hashes in an order of its own, its clock runs
// while ours does, and of a failed script it tells the line: none of that is compared.
import type { Line, Seen } from './twoServers.ts'

/** Two servers are asked one after the other; times of keys are minutes here. */
const CLOCK_TOLERANCE_MS = 5_000
const LONG_MS = 10_000
const SHORT_MS = 1_000

/** @returns the answer without what may differ. @param words the command that it answers. */
export function comparable(seen: Seen, words: readonly string[]): unknown {
  const name = words[0]!.toLowerCase()
  const isUnordered = ['smembers', 'hgetall', 'hkeys', 'hvals', 'keys'].includes(name)
  // A script may return what a hash holds.
  return plain(isUnordered || name === 'eval' || name === 'evalsha' ? sorted(seen, name) : seen)
}

function plain(seen: Seen): unknown {
  if (typeof seen === 'number') return seen > LONG_MS ? Math.round(seen / CLOCK_TOLERANCE_MS) : seen
  if (typeof seen === 'string') {
    // A time that a script has read from the server's clock, and written down.
    if (/^1\d{12}$/.test(seen)) return Math.round(Number(seen) / CLOCK_TOLERANCE_MS)
    return /^[{[]/.test(seen) ? parsedIfJson(seen) : seen
  }
  if (Array.isArray(seen)) return seen.map(plain)
  if (typeof seen !== 'object' || seen === null) return seen
  if ('error' in seen) return { error: seen.error.replace(/ script: .*$/, '').replace(/user_script:.*$/, '') }
  const [kind, items] = Object.entries(seen)[0] as [string, Seen]
  return { [kind]: plain(items) }
}

/** cjson writes fields in an order of its own. */
function parsedIfJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

function sorted(seen: Seen, name: string): Seen {
  if (Array.isArray(seen)) {
    // Field and value, field and value.
    if (name === 'hgetall') return pairwise(seen)
    return isEval(name) ? seen.map(each => (Array.isArray(each) ? byText(each) : each)) : byText(seen)
  }
  if (typeof seen !== 'object' || seen === null) return seen
  if ('map' in seen) return { map: pairwise(seen.map) }
  if ('set' in seen) return { set: byText(seen.set) }
  return seen
}

const isEval = (name: string): boolean => name === 'eval' || name === 'evalsha'

const byText = (items: Seen[]): Seen[] =>
  [...items].sort((one, other) => (JSON.stringify(one) < JSON.stringify(other) ? -1 : 1))

function pairwise(items: Seen[]): Seen[] {
  const pairs = Array.from(
    { length: items.length / 2 },
    (_, at): Seen => [items[2 * at]!, items[2 * at + 1]!],
  )
  return byText(pairs)
}

/** Everything that a server holds. */
export async function holdings(ask: (words: string[]) => Promise<Seen>): Promise<Record<string, unknown>> {
  const keys = (await ask(['KEYS', '*'])) as string[]
  const held: [string, unknown][] = []
  for (const key of keys.sort()) {
    const { status: type } = (await ask(['TYPE', key])) as { status: string }
    const left = Number(await ask(['PTTL', key]))
    // It goes while we look.
    if (type === 'none' || (left >= 0 && left < SHORT_MS)) continue
    const words = READ[type]!(key)
    held.push([key, { type, value: comparable(await ask(words), words), hasExpiry: left >= 0 }])
  }
  return Object.fromEntries(held)
}

const READ: Record<string, (key: string) => string[]> = {
  string: key => ['GET', key],
  list: key => ['LRANGE', key, '0', '-1'],
  set: key => ['SMEMBERS', key],
  hash: key => ['HGETALL', key],
  zset: key => ['ZRANGE', key, '0', '-1', 'WITHSCORES'],
}

/** A line that answers at once. */
export const asking =
  (line: Line) =>
  async (words: string[]): Promise<Seen> => {
    line.send(words)
    return line.take()[0]!
  }
