// What backends do besides ordinary calls and messages: jobs that nobody should have written, orders on a switch's channel,
// messages of strangers that look like ours, people who watch a channel, and a dial id that is used again at once.
import type { Random } from '../../chaos/random.ts'

/** A job as bytes, one character each. */
export interface OddJob {
  atMs: number
  list: string
  text: string
  /** Under which it must be answered; undefined: nobody can tell. */
  dialId: string | undefined
}

/** A message on a switch's channel. */
export interface PlannedOrder {
  commandId: string
  atMs: number
  /** 0–1: which switch. */
  target: number
  message: Record<string, string>
}

/** Somebody publishes what looks like ours, some time after the call began. */
export interface Stray {
  dialId: string
  afterMs: number
  message: Record<string, string>
}

export interface Extras {
  oddJobs: OddJob[]
  orders: PlannedOrder[]
  strays: Stray[]
  /** Somebody else listens there too. */
  watched: string[]
  /** Called again as soon as the last event is told. */
  redialled: string[]
}

interface Ground {
  fromMs: number
  untilMs: number
  dialIds: readonly string[]
  bots: readonly string[]
}

export function drawExtras(random: Random, ground: Ground): Extras {
  const { fromMs, untilMs, dialIds, bots } = ground
  const some = (chance: number) => dialIds.filter(() => random.chance(chance))
  return {
    oddJobs: Array.from({ length: random.whole(0, 2) }, (_, index) =>
      drawOddJob(random, `odd-${index + 1}`, random.between(fromMs, untilMs)),
    ),
    orders: Array.from({ length: random.whole(0, 3) }, (_, index) => ({
      commandId: `order/${index + 1}`,
      atMs: random.between(fromMs, untilMs),
      target: random.next(),
      message: drawOrder(random, index, bots),
    })),
    strays: some(0.05).map(dialId => ({
      dialId,
      afterMs: random.between(0, 3_000),
      message: { type: 'handover-event', agent: 'somebody' },
    })),
    watched: some(0.15),
    redialled: some(0.15),
  }
}

const BOM = '\u00ef\u00bb\u00bf'
/** Longer than any job that is dialled. */
const LONG_CHARACTERS = 70_000

function drawOddJob(random: Random, dialId: string, atMs: number): OddJob {
  const ids = `"dial_id":"${dialId}","org_id":"org","user_id":"user-odd"`
  const number = `1888${String(random.whole(0, 99_999)).padStart(5, '0')}104`
  const bot = `{"type":"bot-call",${ids},"phone_number":"${number}","caller_id":"15550000009"`
  const texts: readonly [text: string, dialId: string | undefined][] = [
    [`${bot},"queued_at":{"toString":1}}`, dialId],
    [`${bot},"auth":{"toString":1}}`, dialId],
    [`${bot},"note":"caf\u00e9"}`, dialId],
    [`${BOM}${bot}}`, dialId],
    [`${bot},"note":"${'x'.repeat(LONG_CHARACTERS)}"}`, dialId],
    [`{"type":{"toString":1},${ids}}`, dialId],
    ['{"type":"bot-call","dial_id":{"toString":1}}', undefined],
    ['no job at all', undefined],
    ['[]', undefined],
  ]
  const [text, told] = random.pick(texts)
  return { atMs, list: 'talkiq-bot.calls', text, dialId: told }
}

function drawOrder(random: Random, index: number, bots: readonly string[]): Record<string, string> {
  if (random.chance(0.4))
    return {
      type: 'bot-call',
      dial_id: `ordered-${index + 1}`,
      org_id: 'org',
      user_id: 'user-ordered',
      phone_number: `1999${String(index).padStart(5, '0')}${random.pick(['101', '102', '486'])}`,
      caller_id: '15550000009',
    }
  if (bots.length >= 2 && random.chance(0.8))
    return { type: 'bridge', dial_id1: random.pick(bots), dial_id2: random.pick(bots) }
  return { type: random.pick(['bridge', 'nonsense']) }
}
