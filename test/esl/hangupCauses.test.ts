// Hangup causes by class, as the metrics and the dashboard have them.
import { expect, test } from 'bun:test'
import { HANGUP_CLASSES } from '../../src/esl/causeTable.ts'
import { labelsOfCause } from '../../src/esl/hangupCauses.ts'

test('the usual causes are in the class where somebody looks for them', () => {
  const classes: [cause: string, name: string][] = [
    ['NORMAL_CLEARING', 'normal'],
    ['USER_BUSY', 'busy'],
    ['NO_ANSWER', 'no-answer'],
    ['CALL_REJECTED', 'rejected'],
    ['ORIGINATOR_CANCEL', 'cancelled'],
    ['UNALLOCATED_NUMBER', 'number'],
    ['GATEWAY_DOWN', 'gateway'],
    ['NORMAL_CIRCUIT_CONGESTION', 'congestion'],
    ['NORMAL_TEMPORARY_FAILURE', 'network'],
    ['INCOMPATIBLE_DESTINATION', 'media'],
    ['CRASH', 'switch'],
    ['PROTOCOL_ERROR', 'other'],
  ]
  for (const [cause, name] of classes) expect(labelsOfCause(cause)).toEqual({ cause, class: name as never })
  expect(classes.map(([, name]) => name)).toEqual([...HANGUP_CLASSES])
})

test('a word that is no cause does not become a series of its own', () => {
  for (const word of ['', 'SOMETHING', 'x'.repeat(10_000)])
    expect(labelsOfCause(word)).toEqual({ cause: 'OTHER', class: 'other' })
})
