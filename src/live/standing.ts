// What is wrong now with processes, agents, switches and job lists, as one look at them shows it. A rule is a function of
// what was seen; how things went over the hour is looked at elsewhere.
import { MS_PER_SECOND } from '../base/units.ts'
import type { AgentView, LiveView, PodView, QueueView } from './liveView.ts'
import { count, link, type Part, processName, switchName, type Trouble } from './trouble.ts'

/** What one look shows. */
export type Standing = Pick<LiveView, 'pods' | 'waits' | 'calls' | 'agents' | 'switches' | 'queues'>

/** Of the requests that may be held: from here on a burst meets the limit. */
const FULL_PART = 0.8

/** A job is taken within milliseconds where an agent is free to take it. */
const WAITING_WARN_MS = 5 * MS_PER_SECOND
/** Half of what JOB_MAX_AGE gives a job by default. */
const WAITING_BAD_MS = 30 * MS_PER_SECOND

/** A job that waits longer for its turn is noticed by the person who pressed the button. */
const PACE_WARN_SECONDS = 3

/** @param ageMs how long the eldest job of a list has waited. */
export function troublesNow(seen: Standing, ageMs: (queue: QueueView) => number, nowMs: number): Trouble[] {
  return [
    ...withoutOwner(seen),
    ...seen.pods.flatMap(ofProcess),
    ...room(seen),
    ...ofAgents(seen),
    ...seen.queues.flatMap(queue => ofQueue(queue, seen, ageMs(queue), nowMs)),
    ...ofPace(seen),
  ]
}

function withoutOwner({ calls }: Standing): Trouble[] {
  const times = calls.filter(call => !call.isOwnerAlive).length
  if (times === 0) return []
  const words = [
    link(count(times, 'call'), 'calls'),
    ' without an owner: the agent died, and no other has taken over yet.',
  ]
  return [{ id: 'without-owner', level: 'bad', words }]
}

const OBSTACLES: Record<string, string> = {
  redis: " can't use Redis.",
  switch: ' reaches no switch.',
  'switch-refuses': ': its switch refuses what it is asked.',
  jobs: ': Redis gives it no jobs.',
  full: ' holds all the requests that it may (WAITS_MAX): further ones are turned away.',
}

function ofProcess(pod: PodView): Trouble[] {
  const id = `pod ${pod.pod}`
  const about = (name: string, level: Trouble['level'], words: string): Trouble => {
    const sinceMs = pod.since[name]
    return {
      id: `${id} ${name}`,
      level,
      words: ['Process ', processName(pod.pod), words],
      ...(sinceMs === undefined ? {} : { sinceMs }),
    }
  }
  if (pod.isSilent) {
    const silent = about('silent', 'bad', ' says nothing any more.')
    return [pod.silentSinceMs === null ? silent : { ...silent, sinceMs: pod.silentSinceMs }]
  }
  if (pod.obstacles.includes('draining')) return [about('draining', 'warn', ' is stopping.')]
  const told = [
    ...pod.obstacles.map(each => about(each, 'bad', OBSTACLES[each] ?? ` can't take calls: ${each}.`)),
    // That an agent has trouble with its switch is told once, as the switch's trouble.
    ...pod.warnings
      .filter(each => !each.startsWith('switch'))
      .map(each => about(each, 'bad', OBSTACLES[each] ?? `: ${each}.`)),
    ...(pod.heldMax > 0 && pod.held >= pod.heldMax ? [about('full', 'bad', OBSTACLES.full!)] : []),
  ]
  if (told.length > 0 || pod.isHearing) return told
  const deaf = about('deaf', 'bad', ' hears no confirmations.')
  return [pod.deafSinceMs === null ? deaf : { ...deaf, sinceMs: pod.deafSinceMs }]
}

function room({ waits, pods }: Standing): Trouble[] {
  const isFull = pods.some(pod => pod.heldMax > 0 && pod.held >= pod.heldMax)
  if (isFull || waits.heldMax === 0 || waits.held < FULL_PART * waits.heldMax) return []
  const words = [
    link(`${waits.held.toLocaleString('en')} of ${count(waits.heldMax, 'request')}`, 'waits'),
    ' that may be held at once are held (WAITS_MAX).',
  ]
  return [{ id: 'room', level: 'warn', words }]
}

function ofAgents({ agents }: Standing): Trouble[] {
  const living = agents.filter(agent => agent.state !== 'dead')
  return [...Map.groupBy(living, agent => agent.switchName)].flatMap(([name, group]) => ofSwitch(name, group))
}

function ofSwitch(name: string, agents: AgentView[]): Trouble[] {
  const connected = agents.filter(agent => agent.state === 'connected')
  const away = agents.filter(agent => agent.state === 'unconnected')
  const refused = agents.filter(agent => agent.state === 'refused')
  if (refused.length > 0)
    return [
      {
        id: `switch ${name} refuses`,
        level: 'bad',
        words: ['The switch ', switchName(name), ' refuses what it is asked, and gets one job at a time.'],
        ...newest(refused),
      },
    ]
  if (connected.length === 0)
    return [
      {
        id: `switch ${name} away`,
        level: 'bad',
        words: ['No agent is connected to the switch ', switchName(name), '.'],
        ...newest(agents),
      },
    ]
  const troubles: Trouble[] = []
  if (away.length > 0)
    troubles.push({
      id: `switch ${name} partly`,
      level: 'warn',
      words: [
        link(`${away.length} of ${count(agents.length, 'agent')}`, `switch:${name}`),
        ` of the switch ${name} ${away.length === 1 ? 'is' : 'are'} not connected.`,
      ],
      ...newest(away),
    })
  const calls = connected.reduce((sum, agent) => sum + agent.calls, 0)
  if (connected.length === 1)
    troubles.push({
      id: `switch ${name} alone`,
      level: calls > 0 ? 'warn' : 'note',
      words: [
        'The switch ',
        switchName(name),
        ' has one agent: ',
        ...(calls > 0
          ? ['nobody could take over its ', link(count(calls, 'call'), 'calls'), '.']
          : ['no other could take over its calls.']),
      ],
    })
  else if (new Set(connected.map(agent => processOf(agent.agent))).size === 1)
    troubles.push({
      id: `switch ${name} one process`,
      level: 'note',
      words: [`All ${connected.length} agents of the switch `, switchName(name), ' are in one process.'],
    })
  return troubles
}

/** An agent is named after its process. */
const processOf = (agent: string): string => agent.replace(/-[0-9a-f]{8}$/, '')

/** It became a trouble when the last of them became so. */
function newest(agents: AgentView[]): { sinceMs?: number } {
  const times = agents.flatMap(agent => agent.sinceMs ?? [])
  return times.length === agents.length ? { sinceMs: Math.max(...times) } : {}
}

function ofQueue(queue: QueueView, { agents, switches }: Standing, ageMs: number, nowMs: number): Trouble[] {
  const { list, waiting } = queue
  const here = `queue:${list}`
  const troubles: Trouble[] = []
  if (queue.isNoList)
    troubles.push({
      id: `queue ${list} unusable`,
      level: 'bad',
      words: [
        'The key ',
        link(list, here),
        ' or its dead letters hold something else than a list: no job is taken from it.',
      ],
    })
  const canDial = agents.some(agent => agent.state === 'connected' || agent.state === 'refused')
  const jobs = link(count(waiting, 'job'), here)
  if (waiting > 0 && !canDial)
    troubles.push({
      id: `queue ${list} nobody`,
      level: 'bad',
      words: [jobs, ` and no agent to take ${waiting === 1 ? 'it' : 'them'}.`],
      sinceMs: nowMs - ageMs,
    })
  else if (waiting > 0 && ageMs >= WAITING_WARN_MS) {
    const isPaced = switches.some(each => each.paceAheadSeconds > 0)
    troubles.push({
      id: `queue ${list} waiting`,
      level: ageMs >= WAITING_BAD_MS ? 'bad' : 'warn',
      words: [
        jobs,
        waiting === 1 ? ' has waited' : ' wait, the eldest',
        ` ${Math.round(ageMs / MS_PER_SECOND)} s`,
        isPaced ? ': the switches begin no more calls in a second (CALLS_PER_SECOND).' : '.',
      ],
      sinceMs: nowMs - ageMs,
    })
  }
  if (queue.dead > 0) troubles.push(deadLetters(queue))
  return troubles
}

function deadLetters({ list, dead, newestDead, eldestDeadAt }: QueueView): Trouble {
  const [newestOne] = newestDead
  const sinceMs = Date.parse(eldestDeadAt)
  const { reason = '', dialId = '' } = newestOne ?? {}
  const which: Part[] = dialId === '' ? [] : [link(dialId, `timeline=${dialId}`), ' ']
  return {
    id: `queue ${list} dead`,
    level: 'warn',
    words: [
      link(count(dead, 'dead letter'), `queue:${list}`),
      ...(reason === '' ? ['.'] : [dead === 1 ? ': ' : ', the newest ', ...which, `${reason}.`]),
    ],
    ...(Number.isNaN(sinceMs) ? {} : { sinceMs }),
  }
}

/** Jobs that wait in a list say it themselves. */
function ofPace({ switches, queues }: Standing): Trouble[] {
  if (queues.some(queue => queue.waiting > 0)) return []
  return switches
    .filter(each => each.paceAheadSeconds >= PACE_WARN_SECONDS)
    .map(({ name, paceAheadSeconds }) => ({
      id: `switch ${name} pace`,
      level: 'warn',
      words: [
        'A call at the switch ',
        switchName(name),
        ` waits ${paceAheadSeconds} s for its turn (CALLS_PER_SECOND).`,
      ],
    }))
}
