// A phone rings at most once for a job. Everything else can be put right afterwards; a phone that rang can't.
import { type Checker, ofEachCall, ringsOf, SIDES } from './checker.ts'

export const ringsOnce: Checker[] = [
  ofEachCall('a phone rings at most once for a job', call =>
    SIDES.flatMap(side => {
      const rings = ringsOf(call, side).length
      return rings > call.jobs ? [`side ${side} rang ${rings} times for ${call.jobs} job(s)`] : []
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
