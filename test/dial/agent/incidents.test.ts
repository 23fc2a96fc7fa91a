// What of a call's story an operator is shown, and that the story itself loses nothing by it.
import { expect, test } from 'bun:test'
import { type Incident, watchIncidents } from '../../../src/dial/agent/incidents.ts'
import type { Entry } from '../../../src/timeline/entry.ts'

const cases: [entry: Entry, shown: Omit<Incident, 'dialId'> | undefined][] = [
  [
    { what: 'failure', cause: 'unknown outcome' },
    { kind: 'call', text: 'unknown outcome' },
  ],
  [
    { what: 'hangup', side: '1', cause: 'USER_BUSY', wasAnswered: false },
    { kind: 'call', text: 'USER_BUSY: the phone is busy (SIP 486)' },
  ],
  [{ what: 'hangup', side: '1', cause: 'NORMAL_CLEARING', wasAnswered: true }, undefined],
  [
    { what: 'taken-over', from: 'agent-1', isHandedOver: false },
    { kind: 'takeover', text: 'its agent agent-1 died; another goes on with it' },
  ],
  [{ what: 'taken-over', from: 'agent-1', isHandedOver: true }, undefined],
  [{ what: 'leg', side: '0', state: 'answered' }, undefined],
  [{ what: 'over' }, undefined],
]

test.each(cases)('%j is a trouble or none, and is kept in any case', (entry, shown) => {
  const kept: unknown[] = []
  const told: Incident[] = []
  const watched = watchIncidents({ add: (...all) => void kept.push(all) }, trouble => void told.push(trouble))
  watched.add('dial-1', entry)
  expect(kept).toEqual([['dial-1', entry]])
  expect(told).toEqual(shown ? [{ dialId: 'dial-1', ...shown }] : [])
})
