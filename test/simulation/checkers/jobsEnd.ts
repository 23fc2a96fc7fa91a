// Each job has its end: a call that begins, or a failure. Nothing is dropped in silence.
import { type Checker, isEvent, isFailure, ofEachCall, ringsOf } from './checker.ts'

const ordinaryJobs: Checker = ofEachCall('each job becomes a call or a failure', call => {
  const { told, jobs, isOrdered } = call
  if (isOrdered) return []
  const ends = told.filter(line => isEvent(line, 'call-start') || isFailure(line)).length
  if (ends >= jobs) return []
  const rang = ringsOf(call, '0').length > 0 ? ', though a phone rang' : ''
  return [`${ends} of ${jobs} job(s) became a call or a failure${rang}`]
})

const oddJobs: Checker = {
  promise: 'a job that nobody should have written ends as well',
  offenders: ({ oddJobs: odd, told }) =>
    odd.flatMap(({ dialId, text }) => {
      const lines = (dialId && told.get(dialId)) || []
      const isEnded = lines.some(line => isEvent(line, 'call-start') || isFailure(line))
      return dialId === undefined || isEnded
        ? []
        : [{ about: dialId, why: `no end of ${text.slice(0, 120)}` }]
    }),
}

const redials: Checker = {
  promise: 'a dial id is free when its last event is told',
  offenders: ({ redials: used, told }) =>
    used.flatMap(({ dialId, toldBefore }) => {
      const next = (told.get(dialId) ?? [])
        .slice(toldBefore)
        .find(line => isEvent(line, 'call-start') || isFailure(line))
      const isTaken = next?.message.cause === 'duplicate dial_id'
      return isTaken ? [{ about: dialId, why: 'called again, it was still taken' }] : []
    }),
}

export const jobsEnd: Checker[] = [ordinaryJobs, oddJobs, redials]
