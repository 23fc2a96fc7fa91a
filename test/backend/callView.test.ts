// How the wakes of a call's sides stand, as its record tells it: from when a front is asked for them.
import { expect, test } from 'bun:test'
import { livingCall, stateOf } from '../../src/backend/callView.ts'

const record = (fields: Record<string, string>, job: Record<string, unknown>) => ({
  dialId: 'd',
  orgId: 'o',
  userId: 'u',
  fence: 1,
  steps: 0,
  fields: { kind: 'asp-call', job: JSON.stringify(job), side: '0', since: '1000', ...fields },
})
const both = { caller_account: '1001', callee_account: '1000' }
const callee = { caller_number: '15550000001', callee_account: '1000', callee_number: '15550000002' }

test.each<[string, Record<string, unknown>, Record<string, string>, unknown[]]>([
  ['numbers alone', { caller_number: '1', callee_number: '2' }, { 'state.0': 'answered' }, []],
  ['the caller, of whom nothing is heard yet', both, {}, [{ side: '0', state: 'asked', sinceMs: 1_000 }]],
  ['a bot’s phone', { account: '1000' }, {}, [{ side: '0', state: 'asked', sinceMs: 1_000 }]],
  [
    'the caller, pushed',
    both,
    { 'wake.0': 'pushed', 'wake-since.0': '2000' },
    [{ side: '0', state: 'pushed', sinceMs: 2_000 }],
  ],
  ['a callee whose caller still rings', callee, { 'state.0': 'ringing', 'since.0': '2000' }, []],
  [
    'a callee whose caller has answered',
    callee,
    { 'state.0': 'answered', 'since.0': '2000' },
    [{ side: '1', state: 'asked', sinceMs: 2_000 }],
  ],
  [
    'an agent of a former version',
    callee,
    { 'state.0': 'answered', 'wake.1': 'pushed' },
    [{ side: '1', state: 'pushed' }],
  ],
  [
    'a callee who is rung, and whose caller has left',
    callee,
    { 'state.0': 'hungup', 'wake.1': 'confirmed', 'wake-since.1': '3000', 'places.1': '2' },
    [{ side: '1', state: 'confirmed', sinceMs: 3_000, isRung: true }],
  ],
  [
    'both sides',
    both,
    {
      'state.0': 'answered',
      'since.0': '2000',
      'wake.0': 'confirmed',
      'wake-since.0': '1500',
      'places.0': '1',
    },
    [
      { side: '0', state: 'confirmed', sinceMs: 1_500, isRung: true },
      { side: '1', state: 'asked', sinceMs: 2_000 },
    ],
  ],
])('%s', (_, job, fields, wakes) => {
  const told = stateOf(record(fields, job)).wakes
  expect(told).toEqual(wakes.map(each => ({ isRung: false, ...(each as object) })) as typeof told)
})

test('a backend sees side, state and since when, and no account', () => {
  const call = livingCall({
    record: record({ 'state.0': 'answered', 'wake.1': 'pushed', 'wake-since.1': '1700000000000' }, callee),
    owner: { agent: 'a', card: undefined },
  })
  expect(call.wakes).toEqual([{ side: '1', state: 'pushed', since: '2023-11-14T22:13:20.000Z' }])
  expect(JSON.stringify(call)).not.toContain('1000"')
})
