// Judges the calls: no job is lost, no phone rings twice for one job, every call that began has its end, and nothing
// is told twice or of legs that never were. The phones' side is the switches' records, the backend's side the ear's.
import { countEvents, isFailureOfJob } from '../harness/countEvents.ts'
import { type Evidence, isMarker, type Judgement, type Offender, type SwitchRecord } from './evidence.ts'
import { MACHINE } from './troubles.ts'

type Ring = Extract<SwitchRecord, { kind: 'ring' }>

export function judgeCalls(evidence: Evidence): Judgement {
  const [lost, twice, endless, repeated, untrue]: Offender[][] = [[], [], [], [], []]
  const counts = { calls: 0, failures: 0, unsure: 0, unsent: 0, unseen: 0, unknownOutcome: 0, expired: 0 }
  const rings = byDialId(evidence.records)

  for (const job of evidence.jobs) {
    const id = job.dialId
    const heard = evidence.heard.get(id) ?? []
    const told = countEvents(heard.map(({ message }) => message))
    const rung = rings.get(id) ?? []
    const starts = told.get('call-start') ?? 0
    const failures = told.get('failure') ?? 0
    if (starts > 0) counts.calls += 1
    if (failures > 0) counts.failures += 1
    counts.unknownOutcome += heard.filter(each => each.message.cause === 'unknown outcome').length
    counts.expired += heard.filter(each => each.message.cause === 'expired').length

    if (starts === 0 && failures === 0) {
      if (job.isTaken === true) lost!.push({ id, why: 'no call-start, and no failure' })
      if (rung.length > 0) lost!.push({ id, why: 'a phone rang, and nobody was told of the call' })
      if (job.isTaken === 'unknown') counts.unsure += 1
      if (job.isTaken === false) counts.unsent += 1
    }
    const position = (type: string) => heard.findIndex(each => each.message.type === type)
    const failedAt = heard.findIndex(({ message }) => isFailureOfJob(message))
    if (failedAt >= 0 && position('call-start') > failedAt)
      untrue!.push({ id, why: 'a call-start after its failure' })
    for (const side of ['0', '1']) {
      const ofSide = rung.filter(each => each.side === side)
      if (ofSide.length > 1) twice!.push({ id, why: `side ${side} rang ${ofSide.length} times` })
      const hangups = told.get(`hangup-event ${side}`) ?? 0
      if (starts > 0 && failures === 0 && ofSide.length > 0 && hangups === 0) {
        if (side === '1' && !told.has('answer-event 1') && livedUnseen(evidence, ofSide[0]!))
          counts.unseen += 1
        else endless!.push({ id, why: `call-start, and no hangup-event of side ${side}` })
      }
      // An account whose phones did not wake is told as absent, and so is the end of one of whom nobody could see whether the
      // switch had begun to ring it when the caller left.
      const isAccount = job.job.callee_account !== undefined && side === '1'
      if (ofSide.length === 0 && ((hangups > 0 && !isAccount) || told.has(`answer-event ${side}`)))
        untrue!.push({ id, why: `events of side ${side}, whose phone never rang` })
    }
    for (const [what, count] of told)
      if (count > 1) repeated!.push({ id, why: `${what} was told ${count} times` })
  }
  const barges = new Map<string, number>()
  for (const record of evidence.records)
    if (record.kind === 'ring' && record.side === undefined)
      barges.set(record.destination, (barges.get(record.destination) ?? 0) + 1)
  for (const [number, count] of barges)
    if (count > 1) twice!.push({ id: number, why: `a barger's phone rang ${count} times` })

  return {
    findings: [
      { what: 'jobs lost', offenders: lost! },
      { what: 'phones rung twice', offenders: twice! },
      { what: 'calls without an end', offenders: endless! },
      { what: 'events told twice', offenders: repeated! },
      { what: 'events of legs that never were', offenders: untrue! },
    ],
    figures: [
      ['jobs pushed', evidence.jobs.length],
      ['… of them: whether Redis took them is unknown', counts.unsure],
      ['… of them: not sent, Redis was away', counts.unsent],
      ['calls begun', counts.calls],
      ['calls and jobs that failed', counts.failures],
      ['… of them: unknown outcome', counts.unknownOutcome],
      ['… of them: expired', counts.expired],
      ['dead letters', evidence.deadLetters.length],
      ['callees that rang and ended while nobody could look', counts.unseen],
    ],
  }
}

function byDialId(records: readonly SwitchRecord[]): Map<string, Ring[]> {
  const rings = new Map<string, Ring[]>()
  for (const record of records) {
    if (record.kind !== 'ring' || record.dialId === undefined) continue
    const list = rings.get(record.dialId)
    if (list) list.push(record)
    else rings.set(record.dialId, [record])
  }
  return rings
}

/** A callee's whole life fell into a time in which no agent could see the switch: whether it was ever rung nobody
 *  can say afterwards, because a switch keeps nothing of legs that are gone. */
function livedUnseen(evidence: Evidence, ring: Ring): boolean {
  const { records, troubles, heard } = evidence
  const end = records.find(
    each =>
      each.switch === ring.switch &&
      each.at >= ring.at &&
      ((each.kind === 'hangup' && each.channelUuid === ring.channelUuid) || each.kind === 'stop'),
  )
  const endAtMs = end?.at ?? Number.POSITIVE_INFINITY
  const markers = (heard.get(ring.dialId!) ?? []).filter(isMarker)
  const gaps = troubles.all.flatMap(({ who, fromMs, untilMs, afterMs }) => {
    // What an agent saw while it could not write it down dies with it, if it dies.
    if (who === 'redis' || who === MACHINE)
      return markers.some(each => each.atMs >= fromMs) ? [{ fromMs, untilMs: untilMs + afterMs }] : []
    if (who === ring.switch || who.endsWith(`/${ring.switch}`))
      return [{ fromMs, untilMs: untilMs + afterMs }]
    // An agent that is down sees nothing until another has taken over, or it is back.
    const marker = markers.find(each => each.atMs > fromMs)
    return who.startsWith('agent')
      ? [{ fromMs, untilMs: Math.min(marker?.atMs ?? Number.POSITIVE_INFINITY, untilMs + afterMs) }]
      : []
  })
  let seenFromMs = ring.at
  for (const gap of gaps.sort((one, other) => one.fromMs - other.fromMs))
    if (gap.fromMs - MOMENT_MS <= seenFromMs && gap.untilMs > seenFromMs) seenFromMs = gap.untilMs
  return seenFromMs + MOMENT_MS >= endAtMs
}

/** What was on its way when a line went down was not seen. */
const MOMENT_MS = 250
