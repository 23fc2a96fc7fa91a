// The backend of a world: pushes the planned jobs, and says the planned messages on the channels of calls that begin and
// end. It writes down what Redis took of it, and which processes each message went to. What Redis does not take now
// because it is away, a job is tried with again, a message is not.
import { switchChannelKey } from '../../../src/redis/keys.ts'
import type { Message } from './history.ts'
import type { PlannedCall, PlannedControl } from './plan.ts'
import type { OddJob, PlannedOrder } from './planExtras.ts'
import type { World } from './world.ts'

export interface PushedJob {
  call: PlannedCall
  /** When Redis took it, the copies of it too; empty: never. */
  takenAtMs: number[]
}

export interface SentControl {
  dialId: string
  control: PlannedControl
  atMs: number
  /** The processes that were subscribed. */
  hearers: string[]
  /** Who owned the call then, or had owned it last. */
  owner: string | undefined
  /** Its place in the history. */
  line: number
}

/** A dial id that was used again as soon as its last event was told. */
export interface Redial {
  dialId: string
  /** How much had been published on its channel by then. */
  toldBefore: number
}

export interface Backend {
  jobs: PushedJob[]
  controls: SentControl[]
  /** Odd jobs that Redis took. */
  oddJobs: OddJob[]
  redials: Redial[]
}

/** A backend's own retry while Redis is away. */
const RETRY_MS = 200

/** From what it hears to what it says to that. */
const REACTION_MS = 1

export function startBackend(world: World): Backend {
  const { plan, machine, history, redis } = world
  const { extras } = plan
  const { schedule } = machine
  const process = machine.spawn('backend')
  const jobs = plan.calls.map((call): PushedJob => ({ call, takenAtMs: [] }))
  const byDialId = new Map(jobs.map(job => [job.call.dialId, job]))
  const controls: SentControl[] = []
  const reactedTo = new Set<string>()

  function push(job: PushedJob): void {
    const { dialId, list } = job.call
    const text = JSON.stringify({ ...job.call.job, queued_at: process.wallMs() / 1_000 })
    const taken = redis.ask('RPUSH', list, text)
    if (typeof taken !== 'number') {
      if (schedule.nowMs < plan.seconds * 1_000) schedule.after(RETRY_MS, process, () => push(job))
      return
    }
    job.takenAtMs.push(schedule.nowMs)
    history.add('backend', { kind: 'backend', what: 'pushed', fields: { dialId, text } })
  }

  function speak(
    dialId: string,
    control: PlannedControl,
    owner = world.owners.at(dialId, schedule.nowMs),
  ): void {
    const text = JSON.stringify({ ...control.message, command_id: control.commandId })
    const line = history.lines.length
    if (redis.ask('PUBLISH', dialId, text) === undefined) return
    const said = history.lines[line]
    const hearers = said?.kind === 'published' ? said.hearers : []
    controls.push({
      dialId,
      control,
      atMs: schedule.nowMs,
      hearers,
      owner,
      line,
    })
  }

  function order({ commandId, target, message }: PlannedOrder): void {
    const { coreUuid } = world.switches[Math.floor(target * world.switches.length)]!.testSwitch
    const record = redis.model.db.find(switchChannelKey(coreUuid))
    const owner = record?.type === 'hash' ? record.fields.get('owner') : undefined
    speak(coreUuid, { commandId, after: 'call-start', afterMs: 0, message }, owner)
  }

  const told = new Map<string, Message[]>()
  const redials: Redial[] = []
  const oddJobs: OddJob[] = []

  /** All that rang has ended, and that was told: its dial id is free. */
  function redial(job: PushedJob, soFar: readonly Message[]): void {
    const { dialId } = job.call
    // A copy that is still to come would be refused, and rightly: nobody could tell which of the two that was.
    if (job.call.copiesAfterMs.length > 0 || redials.some(each => each.dialId === dialId)) return
    const rings = history.lines.flatMap(line =>
      line.kind === 'switch' && line.record.kind === 'ring' && line.record.dialId === dialId
        ? [line.record]
        : [],
    )
    const ended = (type: string, wanted: (message: Message) => boolean) =>
      soFar.filter(message => message.type === type && wanted(message)).length
    // Also one that never rang has its end.
    const bargers = ended('ack', each => each.event === 'barge')
    const isOver =
      rings.every(
        ({ side }) => side === undefined || ended('hangup-event', each => each.side === side) > 0,
      ) && ended('barge-event', each => each.state === 'ended') >= bargers
    if (!isOver) return
    redials.push({ dialId, toldBefore: soFar.length })
    schedule.after(REACTION_MS, process, () => push(job))
  }

  for (const odd of extras.oddJobs)
    schedule.after(odd.atMs, process, () => {
      if (typeof redis.ask('RPUSH', odd.list, odd.text) !== 'number') return
      oddJobs.push(odd)
      history.add('backend', {
        kind: 'backend',
        what: 'pushed',
        fields: { dialId: odd.dialId, text: odd.text.slice(0, 200) },
      })
    })
  for (const planned of extras.orders) schedule.after(planned.atMs, process, () => order(planned))

  for (const job of jobs)
    for (const afterMs of [0, ...job.call.copiesAfterMs])
      schedule.after(job.call.atMs + afterMs, process, () => push(job))

  world.onPublished = (channel: string, message: Message) => {
    const { type, side } = message
    const job = byDialId.get(channel)
    if (!job) return
    const soFar = told.get(channel) ?? []
    told.set(channel, soFar)
    soFar.push(message)
    if ((type === 'hangup-event' || type === 'barge-event') && extras.redialled.includes(channel))
      redial(job, soFar)
    const isBeginOrEnd = type === 'call-start' || (type === 'hangup-event' && side === '0')
    if (!isBeginOrEnd || reactedTo.has(`${channel} ${type}`)) return
    reactedTo.add(`${channel} ${type}`)
    if (type === 'call-start') {
      if (extras.watched.includes(channel)) schedule.after(0, process, () => redis.watch(channel))
      for (const stray of extras.strays)
        if (stray.dialId === channel)
          schedule.after(stray.afterMs, process, () =>
            redis.ask('PUBLISH', channel, JSON.stringify(stray.message)),
          )
    }
    for (const control of job.call.controls)
      if (control.after === type)
        schedule.after(REACTION_MS + control.afterMs, process, () => speak(channel, control))
  }

  return { jobs, controls, oddJobs, redials }
}
