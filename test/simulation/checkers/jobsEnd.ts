// Each job has its end: a call that begins, or a failure. Nothing is dropped in silence.
import { type Checker, isEvent, isFailure, ofEachCall, ringsOf } from './checker.ts'

export const jobsEnd: Checker = ofEachCall('each job becomes a call or a failure', call => {
  const { told, jobs } = call
  const ends = told.filter(line => isEvent(line, 'call-start') || isFailure(line)).length
  if (ends >= jobs) return []
  const rang = ringsOf(call, '0').length > 0 ? ', though a phone rang' : ''
  return [`${ends} of ${jobs} job(s) became a call or a failure${rang}`]
})
