// What an agent's worker tells the main thread of its counts and its health, and in how many messages.
import { expect, test } from 'bun:test'
import { createAgentCounts } from '../../../src/dial/agent/counts.ts'
import type { FromAgent } from '../../../src/dial/agent/messages.ts'

test('counts are gathered by kind, and told in one message', () => {
  const { told, tally } = createHeardTally()
  tally.count('events', 'answer-event')
  tally.count('events', 'answer-event')
  tally.count('events', 'hangup-event')
  tally.count('takeovers')
  expect(told).toEqual([])
  tally.flush()
  expect(told).toEqual([
    {
      kind: 'counts',
      counts: [
        { name: 'events', label: 'answer-event', times: 2 },
        { name: 'events', label: 'hangup-event', times: 1 },
        { name: 'takeovers', label: '', times: 1 },
      ],
    },
  ])
})

test('what was told is not told again', () => {
  const { told, tally } = createHeardTally()
  tally.count('jobs', 'asp-call')
  tally.flush()
  tally.flush()
  expect(told).toHaveLength(1)
})

test('counts are told by themselves', async () => {
  const { promise, resolve } = Promise.withResolvers<FromAgent>()
  createAgentCounts(resolve).count('jobs', 'asp-call')
  expect(await promise).toMatchObject({ kind: 'counts' })
})

test('times are gathered by name and label, and told in one message', () => {
  const { told, tally } = createHeardTally()
  tally.observe('command', 'uuid_kill ok', 0.001)
  tally.observe('ring', 'a', 3)
  tally.observe('command', 'uuid_kill ok', 0.002)
  tally.flush()
  tally.flush()
  expect(told).toEqual([
    {
      kind: 'observed',
      observed: [
        { name: 'command', label: 'uuid_kill ok', seconds: [0.001, 0.002] },
        { name: 'ring', label: 'a', seconds: [3] },
      ],
    },
  ])
})

test('of many incidents at once the newest are told, in one message', () => {
  const { told, tally } = createHeardTally()
  for (let index = 1; index <= 25; index++)
    tally.incident({ kind: 'call', dialId: `d${index}`, text: 'NO_ANSWER' })
  tally.flush()
  tally.flush()
  expect(told).toHaveLength(1)
  const [message] = told as { kind: string; incidents: { dialId: string }[] }[]
  expect(message!.incidents.map(each => each.dialId)).toEqual(
    Array.from({ length: 20 }, (_, at) => `d${at + 6}`),
  )
})

test('what readiness hangs on is told at once, the number of calls with the next lot', () => {
  const { told, tally } = createHeardTally()
  const well = { isSwitchReady: true, isRefusing: false, isDeaf: false, refusedLists: [], calls: 0 }
  const states = [
    { ...well, calls: 1 },
    { ...well, isSwitchReady: false },
    { ...well, isDeaf: true },
    { ...well, refusedLists: ['calls'] },
  ]
  for (const state of states) {
    tally.health(state)
    tally.health({ ...state, calls: 7 })
    tally.health({ ...state, calls: 8 })
  }
  tally.flush()
  expect(told).toEqual([...states, { ...states[3]!, calls: 8 }].map(state => ({ kind: 'health', ...state })))
})

function createHeardTally() {
  const told: FromAgent[] = []
  return { told, tally: createAgentCounts(message => void told.push(message)) }
}
