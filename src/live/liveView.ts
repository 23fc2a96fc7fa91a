// One look at everything that an operator wants to see now, of all processes: read from Redis, put in the page's
// words, masked. It changes nothing, and keeps nothing but which calls it showed last, so that a page which can't show
// all of them goes on showing the same ones.
import { maskNumbersIn } from '../base/masking.ts'
import { type Clock, MS_PER_SECOND } from '../base/units.ts'
import type { AgentCard, AgentDirectory, Agents } from '../redis/agents/directory.ts'
import type { CallStore } from '../redis/calls/calls.ts'
import type { Pace } from '../redis/jobs/pace.ts'
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
  switches: SwitchView[]
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
  /** When its newest card was written; told of a silent one alone, because it is news every second. */
  silentSinceMs: number | null
  obstacles: string[]
  warnings: string[]
  /** When each of these began, and `full`. */
  since: Record<string, number>
  megabytes: number
  held: number
  heldMax: number
  waitWorkers: number
  /** Its wait workers hear their confirmations. */
  isHearing: boolean
  /** Since when they don't, to the second; null: they do, or never did. */
  deafSinceMs: number | null
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
  /** When it became so; null: not known. */
  sinceMs: number | null
  calls: number
}

/** What is known of a switch beside its agents. */
export interface SwitchView {
  name: string
  /** Seconds that a job which is taken now waits for its turn (CALLS_PER_SECOND). */
  paceAheadSeconds: number
  /** Phones registered there that can be pushed (RFC 8599); null: no agent listens for them. */
  registered: number | null
}

export interface QueueView {
  list: string
  waiting: number
  /** When the job that has waited longest was queued, as it says itself; null: it does not, or none waits. */
  nextQueuedAtMs: number | null
  /** Tells one job from the next; empty: none waits. */
  nextHash: string
  dead: number
  newestDead: { reason: string; at: string; dialId: string }[]
  eldestDeadAt: string
  /** Its key holds something else: no job can be taken from it. */
  isNoList: boolean
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
  pace: Pick<Pace, 'ahead'>
  clock: Clock
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

  /** The pace is kept by the switch's own id, which its agents tell while they are connected. */
  async function readSwitches(agents: Agents, pods: SeenPod[]): Promise<SwitchView[]> {
    const cores = new Map(
      [...agents.values()].flatMap(card =>
        card?.coreUuid ? [[card.switchName, card.coreUuid] as const] : [],
      ),
    )
    const registered = new Map<string, number>()
    for (const { card } of pods.filter(pod => !isSilent(pod)))
      for (const each of card.switches)
        if (each.registered !== undefined)
          registered.set(each.name, Math.max(each.registered, registered.get(each.name) ?? 0))
    const names = [...new Set([...cores.keys(), ...registered.keys()])].sort()
    return Promise.all(
      names.map(async name => {
        const core = cores.get(name)
        const aheadMs = core === undefined ? 0 : await sources.pace.ahead(core)
        return {
          name,
          paceAheadSeconds: Math.round(aheadMs / MS_PER_SECOND),
          registered: registered.get(name) ?? null,
        }
      }),
    )
  }

  return async () => {
    const [pods, agents, queues, hour] = await Promise.all([
      sources.pods.all(),
      sources.directory.all(),
      sources.queues.depths(),
      sources.readHour(),
    ])
    const [{ calls, total, counts }, switches] = await Promise.all([
      readCalls(agents),
      readSwitches(agents, pods),
    ])
    const nowMs = sources.clock()
    return {
      pods: pods.map(pod => podView(pod, nowMs)).sort(by(pod => pod.pod)),
      waits: waitsView(pods.filter(pod => !isSilent(pod))),
      calls: calls.sort(by(call => call.dialId)),
      callsTotal: total,
      agents: [...agents]
        .map(([agent, card]) => agentView(agent, card, counts.get(agent) ?? 0))
        // A dead agent without calls needs nobody's attention.
        .filter(agent => agent.state !== 'dead' || agent.calls > 0)
        .sort(by(agent => `${agent.switchName} ${agent.agent}`)),
      switches,
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

function podView(seen: SeenPod, nowMs: number): PodView {
  const { card } = seen
  const { waits } = card
  const isHearing = !waits || (waits.deafForMs !== null && waits.deafForMs < DEAF_AFTER_MS)
  const sinceMs = (forMs: number) => Math.round((nowMs - forMs) / MS_PER_SECOND) * MS_PER_SECOND
  return {
    pod: card.pod,
    role: card.role,
    version: card.version,
    startedAtMs: card.startedAtMs,
    isSilent: isSilent(seen),
    silentSinceMs: isSilent(seen) ? sinceMs(seen.silentForMs) : null,
    obstacles: card.obstacles,
    warnings: card.warnings ?? [],
    since: card.since ?? {},
    // In steps of ten: else it would differ at every look and be sent every second.
    megabytes: Math.round(card.residentBytes / MEGABYTE / 10) * 10,
    held: waits?.held ?? 0,
    heldMax: waits?.max ?? 0,
    waitWorkers: waits?.workers ?? 0,
    isHearing,
    deafSinceMs: isHearing || !waits?.deafForMs ? null : sinceMs(waits.deafForMs + seen.silentForMs),
  }
}

function waitsView(pods: SeenPod[]): WaitsView {
  const sum = (of: (waits: { held: number; max: number }) => number): number =>
    pods.reduce((total, { card }) => total + (card.waits ? of(card.waits) : 0), 0)
  const eldest = pods.flatMap(({ card, silentForMs }) =>
    (card.waits?.eldest ?? []).map(wait => ({
      ...wait,
      heldForMs: wait.heldForMs + silentForMs,
      waitMs: wait.waitMs ?? card.waits!.waitMs,
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
  const { switchName = '', sinceMs = null } = card ?? {}
  return { agent, switchName, state: stateOf(card), sinceMs, calls }
}

function stateOf(card: AgentCard | undefined): AgentView['state'] {
  if (!card) return 'dead'
  if (card.isDraining) return 'draining'
  if (card.coreUuid === '') return 'unconnected'
  return card.isRefusing ? 'refused' : 'connected'
}

function queueView(
  { list, waiting, next, dead, newestDead, eldestDead, isNoList = false }: QueueDepth,
  shown: (text: string) => string,
): QueueView {
  const queuedAt = Number(objectOf(next ?? '').queued_at)
  return {
    list,
    waiting,
    nextQueuedAtMs: queuedAt > 0 ? Math.round(queuedAt * MS_PER_SECOND) : null,
    nextHash: next === undefined ? '' : Bun.hash(next).toString(36),
    dead,
    newestDead: newestDead.map(text => deadLetterView(text, shown)),
    eldestDeadAt: String(objectOf(eldestDead ?? '').at ?? ''),
    isNoList,
  }
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
