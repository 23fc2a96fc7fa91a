// When the last call has ended nothing of calls is left: no key, no subscription, no call in an agent's memory, no agent
// that should have ended; and on the way nobody threw.
import type { Checker } from './checker.ts'

export const nothingLeft: Checker = {
  promise: 'nothing is left when all is over',
  offenders: ({ leftovers }) => leftovers.map(left => ({ about: left, why: 'still there' })),
}

export const nobodyThrows: Checker = {
  promise: 'nobody throws',
  offenders: ({ lines }) =>
    lines.flatMap(line => {
      if (line.kind === 'thrown') return [{ about: line.who, why: line.error }]
      const isBug = line.kind === 'log' && line.level === 'error' && 'err' in line.fields
      return isBug
        ? [{ about: String(line.fields.dialId ?? line.who), why: `${line.text}: ${line.fields.err}` }]
        : []
    }),
}
