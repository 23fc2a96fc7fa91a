// One look at everything that an operator wants to see now, of all processes: read from Redis, put in the page's
// words, masked. It changes nothing, and keeps nothing but which calls it showed last, so that a page which can't show
// all of them goes on showing the same ones.
import { maskNumbersIn } from '../base/masking.ts'
import type { AgentCard, AgentDirectory } from '../redis/agents/directory.ts'
import type { CallStore } from '../redis/calls/calls.ts'
import type { QueueDepth, Queues } from '../redis/jobs/queues.ts'
import type { HeldCall, PodStore, RecentProblem, SeenPod } from '../redis/pods/pods.ts'
import { DEAF_AFTER_MS } from '../redis/selfTest.ts'
import { type CallView, callView } from './callView.ts'
import type { HourView } from './hourView.ts'
import { LATELY_MAX } from './recentProblems.ts'

export interface LiveView {
  pods: PodView[]
  waits: WaitsView
  calls: CallView[]
  /** How many there are, shown or not. */
  callsTotal: number
  agents: AgentView[]
  queues: QueueView[]
  /** The newest first. */
  lately: RecentProblem[]
  hour: HourView
}

export interface PodView {
  pod: string
  role: string
  version: string
  startedAtMs: number
  /** Its card was not renewed: killed, paused or cut off. */
  isSilent: boolean
  obstacles: string[]
  megabytes: number
  held: number
  heldMax: number
  waitWorkers: number
  /** Its wait workers hear their confirmations. */
  isHearing: boolean
}

export interface WaitsView {
  held: number
  heldMax: number
  /** The eldest of all pods first. */
  eldest: (HeldCall & { waitMs: number; pod: string })[]
}

export interface AgentView {
  agent: string
  switchName: string
  /** `dead`: its calls wait for another agent. */
  state: 'connected' | 'refused' | 'unconnected' | 'draining' | 'dead'
  calls: number
}

export interface QueueView {
  list: string
  waiting: number
  dead: number
  newestDead: { reason: string; at: string; dialId: string }[]
}

/** More than anybody reads; the others are found by their id. */
const CALLS_SHOWN_MAX = 200
/** Of each pod, and of all pods together. */
export const WAITS_SHOWN_MAX = 50

/** Two cards missed, and a little. */
const SILENT_AFTER_MS = 3_500

const MEGABYTE = 1024 * 1024

export interface LiveSources {
  pods: Pick<PodStore, 'all'>
  directory: Pick<AgentDirectory, 'all'>
  calls: Pick<CallStore, 'find' | 'ownedBy'>
  queues: Queues
  readHour: () => Promise<HourView>
  showsFullNumbers: boolean
}

/** @returns what looks once. @throws RedisUnavailable */
export function openLiveView(sources: LiveSources): () => Promise<LiveView> {
  let shownBefore = new Set<string>()
  const shown = (text: string): string => (sources.showsFullNumbers ? text : maskNumbersIn(text))

  /** The calls, of which those that were shown go before others. */
  async function readCalls(agents: Map<string, AgentCard | undefined>) {
    const owned = await Promise.all(
      [...agents].map(async ([agent, card]) => ({
        owner: { agent, isAlive: card !== undefined },
        dialIds: await sources.calls.ownedBy(agent),
      })),
    )
    const all = owned.flatMap(({ owner, dialIds }) => dialIds.map(dialId => ({ owner, dialId })))
    const chosen = [
      ...all.filter(each => shownBefore.has(each.dialId)),
      ...all.filter(each => !shownBefore.has(each.dialId)),
    ].slice(0, CALLS_SHOWN_MAX)
    shownBefore = new Set(chosen.map(each => each.dialId))
    const found = await Promise.all(
      chosen.map(async ({ owner, dialId }) => {
        const record = await sources.calls.find(dialId)
        return record ? [callView(record, owner, sources.showsFullNumbers)] : []
      }),
    )
    const counts = new Map(owned.map(({ owner, dialIds }) => [owner.agent, dialIds.length]))
    return { calls: found.flat(), total: all.length, counts }
  }

  return async () => {
    const [pods, agents, queues, hour] = await Promise.all([
      sources.pods.all(),
      sources.directory.all(),
      sources.queues.depths(),
      sources.readHour(),
    ])
    const { calls, total, counts } = await readCalls(agents)
    return {
      pods: pods.map(podView).sort(by(pod => pod.pod)),
      waits: waitsView(pods.filter(pod => !isSilent(pod))),
      calls: calls.sort(by(call => call.dialId)),
      callsTotal: total,
      agents: [...agents]
        .map(([agent, card]) => agentView(agent, card, counts.get(agent) ?? 0))
        // A dead one without calls is nobody's concern.
        .filter(agent => agent.state !== 'dead' || agent.calls > 0)
        .sort(by(agent => `${agent.switchName} ${agent.agent}`)),
      queues: queues.map(depth => queueView(depth, shown)),
      lately: pods
        .flatMap(({ card }) => card.lately)
        .sort((a, b) => b.atMs - a.atMs)
        .slice(0, LATELY_MAX)
        .map(problem => ({ ...problem, text: shown(problem.text) })),
      hour,
    }
  }
}

const isSilent = (pod: SeenPod): boolean => pod.silentForMs > SILENT_AFTER_MS

function podView(seen: SeenPod): PodView {
  const { card } = seen
  const { waits } = card
  return {
    pod: card.pod,
    role: card.role,
    version: card.version,
    startedAtMs: card.startedAtMs,
    isSilent: isSilent(seen),
    obstacles: card.obstacles,
    // In steps of ten: it is never twice the same, and would be news every second.
    megabytes: Math.round(card.residentBytes / MEGABYTE / 10) * 10,
    held: waits?.held ?? 0,
    heldMax: waits?.max ?? 0,
    waitWorkers: waits?.workers ?? 0,
    isHearing: !waits || (waits.deafForMs !== null && waits.deafForMs < DEAF_AFTER_MS),
  }
}

function waitsView(pods: SeenPod[]): WaitsView {
  const sum = (of: (waits: { held: number; max: number }) => number): number =>
    pods.reduce((total, { card }) => total + (card.waits ? of(card.waits) : 0), 0)
  const eldest = pods.flatMap(({ card, silentForMs }) =>
    (card.waits?.eldest ?? []).map(wait => ({
      ...wait,
      heldForMs: wait.heldForMs + silentForMs,
      waitMs: card.waits!.waitMs,
      pod: card.pod,
    })),
  )
  return {
    held: sum(waits => waits.held),
    heldMax: sum(waits => waits.max),
    eldest: eldest.sort((a, b) => b.heldForMs - a.heldForMs).slice(0, WAITS_SHOWN_MAX),
  }
}

function agentView(agent: string, card: AgentCard | undefined, calls: number): AgentView {
  const { switchName = '' } = card ?? {}
  return { agent, switchName, state: stateOf(card), calls }
}

function stateOf(card: AgentCard | undefined): AgentView['state'] {
  if (!card) return 'dead'
  if (card.isDraining) return 'draining'
  if (card.coreUuid === '') return 'unconnected'
  return card.isRefusing ? 'refused' : 'connected'
}

function queueView(
  { list, waiting, dead, newestDead }: QueueDepth,
  shown: (text: string) => string,
): QueueView {
  return { list, waiting, dead, newestDead: newestDead.map(text => deadLetterView(text, shown)) }
}

/** What a person needs to look further; the job itself holds numbers, and perhaps a password. */
function deadLetterView(text: string, shown: (text: string) => string): QueueView['newestDead'][number] {
  const letter = objectOf(text)
  const job = objectOf(String(letter.job ?? ''))
  return {
    reason: shown(String(letter.reason ?? 'unreadable')),
    at: String(letter.at ?? ''),
    dialId: typeof job.dial_id === 'string' ? job.dial_id.slice(0, 128) : '',
  }
}

function objectOf(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
  } catch {
    // Anybody may write to these lists; what can't be read is shown as such.
    return {}
  }
}

/** Sorts by a text that each item has. */
const by =
  <Item>(textOf: (item: Item) => string) =>
  (a: Item, b: Item): number =>
    textOf(a) < textOf(b) ? -1 : 1
