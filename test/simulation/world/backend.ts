// The backend of a world: pushes the planned jobs, and says the planned messages on the channels of calls that begin and
// end. It writes down what Redis took of it, and which processes each message went to. What Redis does not take now
// because it is away, a job is tried with again, a message is not.
import type { Message } from './history.ts'
import type { PlannedCall, PlannedControl } from './plan.ts'
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

export interface Backend {
  jobs: PushedJob[]
  controls: SentControl[]
}

/** A backend's own retry while Redis is away. */
const RETRY_MS = 200

/** From what it hears to what it says to that. */
const REACTION_MS = 1

export function startBackend(world: World): Backend {
  const { plan, machine, history, redis } = world
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

  function speak(dialId: string, control: PlannedControl): void {
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
      owner: world.owners.at(dialId, schedule.nowMs),
      line,
    })
  }

  for (const job of jobs)
    for (const afterMs of [0, ...job.call.copiesAfterMs])
      schedule.after(job.call.atMs + afterMs, process, () => push(job))

  world.onPublished = (channel: string, { type, side }: Message) => {
    const job = byDialId.get(channel)
    const isBeginOrEnd = type === 'call-start' || (type === 'hangup-event' && side === '0')
    if (!job || !isBeginOrEnd || reactedTo.has(`${channel} ${type}`)) return
    reactedTo.add(`${channel} ${type}`)
    for (const control of job.call.controls)
      if (control.after === type)
        schedule.after(REACTION_MS + control.afterMs, process, () => speak(channel, control))
  }

  return { jobs, controls }
}
