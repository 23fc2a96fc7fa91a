// Replays the client's side of every recording and compares what the test switch says with what FreeSWITCH said: each
// reply, each event, its header names in their order, and the values that matter, in the order of the recording.

import { describe, expect, test } from 'bun:test'
import { readRecordings } from './fixtures/recordings.ts'
import { replay } from './replay.ts'
import type { Misbehaviour } from './settings.ts'
import type { Step } from './transcript.ts'

type EventStep = Extract<Step, { kind: 'event' }>

/** Where a recording shows one outcome of a race, or a property of its own surroundings. */
interface Allowance {
  /** Events and replies may stand between each other in any way. */
  anyInterleaving?: true
  /** The two legs' events may stand between each other in any way. */
  anyLegOrder?: true
  secondLegCompletes?: Misbehaviour['secondLegCompletes']
  /** Headers that another thread was about to set, or that the recording's own gateway caused. */
  ignoring?: RegExp
}

const SECOND_LEG_LATE = /^variable_(bridge_hangup_cause|call_uuid)$|^Channel-Call-UUID$/
// A command came while the displays were still being told about the bridge.
const BRIDGE_IS_FRESH = /last_sent_callee|^variable_(bridge_hangup_cause|call_uuid)$|^Channel-Call-UUID$/

const ALLOWANCES: Record<string, Allowance> = {
  'b-early-media': { ignoring: /^variable_bridge_hangup_cause$/ },
  // The event of a mode for a leg that has gone came after the next command's reply.
  'barge-modes': { anyInterleaving: true },
  'break-playback': { anyLegOrder: true },
  'play-file': { anyLegOrder: true },
  'play-missing-file': { anyLegOrder: true },
  displace: { ignoring: BRIDGE_IS_FRESH },
  'gateway-down': { ignoring: /^variable_sip_invite_domain$/ },
  // There is no dialplan here that an extension could be looked up in.
  'originate-syntax': { ignoring: /^Caller-(Dialplan|RDNIS)$/ },
  'show-channels': {
    secondLegCompletes: 'between',
    anyLegOrder: true,
    anyInterleaving: true,
    ignoring: SECOND_LEG_LATE,
  },
  'uuid-exists-dump': { secondLegCompletes: 'last', ignoring: BRIDGE_IS_FRESH },
}

const recordings = await readRecordings()

// A few replays at a time: each waits most of its time, and too many at once would disturb each other's order.
const REPLAYS_AT_ONCE = 6
const lanes = Array.from({ length: REPLAYS_AT_ONCE }, () => Promise.resolve<unknown>(undefined))
const replays = new Map(
  [...recordings].map(([scenario, steps], i) => {
    const { secondLegCompletes = 'usual' } = ALLOWANCES[scenario] ?? {}
    const isKilledAtEnd = scenario.startsWith('crash')
    const lane = i % REPLAYS_AT_ONCE
    const done = lanes[lane]!.then(() => replay(steps, { bulky: true, secondLegCompletes, isKilledAtEnd }))
    // A replay that fails is told by its own test, and does not hold up the ones behind it.
    lanes[lane] = done.catch(() => {})
    return [scenario, done]
  }),
)

describe('the test switch says what FreeSWITCH said', () => {
  for (const [scenario, steps] of recordings) {
    test(scenario, async () => {
      const allowance = ALLOWANCES[scenario] ?? {}
      const [expected, actual] = [steps, await replays.get(scenario)!].map(all =>
        saidBySwitch(all, allowance),
      )
      expect(outline(actual!)).toEqual(outline(expected!))
      expect(detail(actual!, allowance)).toEqual(detail(expected!, allowance))
    })
  }
})

test('small events have the headers of the full ones, in the same order and fewer', async () => {
  const steps = recordings.get('asp-a-hangs-up')!
  const small = (await replay(steps, { bulky: false })).filter(step => step.kind === 'event')
  const full = steps.filter(step => step.kind === 'event')
  expect(small.map(nameOf)).toEqual(full.map(nameOf))
  small.forEach(({ keys }, i) => {
    const all = full[i]!.keys
    expect(keys.length).toBeLessThanOrEqual(all.length)
    expect(all.filter(key => keys.includes(key))).toEqual(keys)
  })
})

/** What the switch said, put into one order where the recording's own order was chance. */
function saidBySwitch(
  steps: Step[],
  { anyInterleaving, anyLegOrder }: Allowance,
): Exclude<Step, { kind: 'command' }>[] {
  const said = steps.filter(step => step.kind !== 'command')
  const legs = [...new Set(said.map(step => (step.kind === 'event' ? step.leg : '')))].sort()
  const rank = (step: Step): number => {
    if (step.kind !== 'event') return 0
    return anyLegOrder ? 1 + legs.indexOf(step.leg) : 1
  }
  // Sorting is stable: what has the same rank keeps its order.
  return anyInterleaving || anyLegOrder ? said.sort((a, b) => rank(a) - rank(b)) : said
}

const nameOf = ({ leg, name }: EventStep): string => `${leg} ${name}`

const outline = (steps: Step[]): string[] =>
  steps.map(step => (step.kind === 'event' ? nameOf(step) : step.text.split('\n', 2).join(' ')))

/** Everything, with each changed value as a line of its own: a difference is then easy to find. */
function detail(steps: Step[], { ignoring }: Allowance): string[] {
  const isCompared = (key: string): boolean => !ignoring?.test(key)
  return steps.flatMap((step, i) => {
    if (step.kind !== 'event') return [`${i} ${step.text}`]
    const title = `${i} ${nameOf(step)}`
    const changes = Object.entries(step.changes).filter(([key]) => isCompared(key))
    return [
      `${title}: ${step.keys.filter(isCompared).join(' ')}`,
      ...changes.map(([key, value]) => `${title}: ${key} = ${value}`).sort(),
    ]
  })
}
