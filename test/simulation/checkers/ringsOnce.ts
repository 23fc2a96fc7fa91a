// A phone rings at most once for a job. Everything else can be put right afterwards; a phone that rang can't.
import type { RecordLine } from '../world/evidence.ts'
import { type Checker, ofEachCall, ringsOf, SIDES } from './checker.ts'

const contactOf = (record: RecordLine['record']): string =>
  record.kind === 'ring' && record.destination.startsWith('sip:') ? record.destination : 'number'

export const ringsOnce: Checker[] = [
  ofEachCall('a phone rings at most once for a job', call =>
    SIDES.flatMap(side => {
      // The phones of an account ring together, each at its contact.
      const rings = Map.groupBy(ringsOf(call, side), ({ record }) => contactOf(record)).values()
      return [...rings].flatMap(({ length }) =>
        length > call.jobs ? [`side ${side} rang ${length} times for ${call.jobs} job(s)`] : [],
      )
    }),
  ),
  {
    promise: "a barger's phone rings at most once for a message",
    offenders: ({ lines }) => {
      const rings = new Map<string, { dialId: string; count: number }>()
      for (const line of lines) {
        if (line.kind !== 'switch' || line.record.kind !== 'ring' || line.record.side !== undefined) continue
        const { destination, dialId = '' } = line.record
        rings.set(destination, { dialId, count: (rings.get(destination)?.count ?? 0) + 1 })
      }
      return [...rings].flatMap(([number, { dialId, count }]) =>
        count > 1 ? [{ about: dialId, why: `the phone ${number} rang ${count} times` }] : [],
      )
    },
  },
]
