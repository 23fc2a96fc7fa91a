// The main thread's side of the agents: starts one worker thread for each, counts for them, knows their health, and
// replaces one that crashed by one of a new name. What an agent does stands in `agent.ts`.
import type { Log } from '../../base/log.ts'
import { assertNever } from '../../base/result.ts'
import type { AppNames } from '../../push/apps.ts'
import type { Incident } from './incidents.ts'
import type { AgentSettings, Counted, FromAgent, Health, Observed, ToAgent } from './messages.ts'

export interface AgentPoolOptions {
  program: URL
  /** Everything but the agent's name. One entry an agent. */
  agents: Omit<AgentSettings, 'agent'>[]
  /** The apps of APPS_FILE as they are now; undefined: every app is taken. */
  appNames: () => readonly AppNames[] | undefined
  /** A name that no agent ever had. */
  newName: () => string
  count: (counted: Counted) => void
  observe: (observed: Observed) => void
  onIncident: (incident: Incident) => void
  onCrash: () => void
  log: Log
}

interface Member {
  settings: Omit<AgentSettings, 'agent'>
  worker: Worker
  health: Health
  drained: Promise<void>
}

/** Before an agent has told anything, and after its end. */
const UNKNOWN: Health = { isSwitchReady: false, isRefusing: false, isDeaf: false, refusedLists: [], calls: 0 }

/** A worker that dies at once, again and again, must not spin a core. */
const RESPAWN_DELAY_MS = 1_000

export type AgentPool = ReturnType<typeof openAgentPool>

export function openAgentPool(options: AgentPoolOptions) {
  const { log } = options
  let isDraining = false
  const members: Member[] = []

  function start(index: number): void {
    const settings = options.agents[index]!
    const { promise: drained, resolve: markDrained } = Promise.withResolvers<void>()
    const worker = new Worker(options.program)
    const member: Member = { settings, worker, health: UNKNOWN, drained }
    members[index] = member
    worker.onmessage = (event: MessageEvent<FromAgent>) => {
      const message = event.data
      switch (message.kind) {
        case 'counts':
          return message.counts.forEach(options.count)
        case 'observed':
          return message.observed.forEach(options.observe)
        case 'incidents':
          return message.incidents.forEach(options.onIncident)
        case 'health':
          member.health = message
          return
        case 'drained':
          return markDrained()
        default:
          return assertNever(message)
      }
    }
    worker.onerror = event =>
      log.error({ switch: settings.switch.name, reason: event.message }, 'agent failed')
    worker.addEventListener('close', () => {
      markDrained()
      if (isDraining) return
      log.error(
        { switch: settings.switch.name, calls: member.health.calls },
        'agent ended; another takes its place',
      )
      options.onCrash()
      member.health = UNKNOWN
      setTimeout(() => !isDraining && start(index), RESPAWN_DELAY_MS)
    })
    const { registrations } = settings
    send(worker, {
      kind: 'open',
      settings: {
        ...settings,
        ...(registrations ? { registrations: { ...registrations, appNames: options.appNames() } } : {}),
        agent: options.newName(),
      },
    })
  }

  const send = (worker: Worker, message: ToAgent) => worker.postMessage(message)
  for (const index of options.agents.keys()) start(index)

  return {
    /** For each switch whether one of our agents is connected to it. */
    switches(): Map<string, boolean> {
      const ready = new Map<string, boolean>()
      for (const { settings, health } of members)
        ready.set(settings.switch.name, health.isSwitchReady || ready.get(settings.switch.name) === true)
      return ready
    },

    /** The switches that refuse what one of our agents asks them. */
    get refusing(): Set<string> {
      const refused = members.filter(({ health }) => health.isSwitchReady && health.isRefusing)
      return new Set(refused.map(({ settings }) => settings.switch.name))
    },

    /** For each switch whose registrations one of our agents hears: phones registered there that can be pushed. */
    registered(): Map<string, number> {
      const known = members.filter(member => member.health.registered !== undefined)
      return new Map(known.map(({ settings, health }) => [settings.switch.name, health.registered!]))
    },

    /** Whether there is an agent that does not hear its channels. */
    get isDeaf(): boolean {
      return members.some(member => member.health.isDeaf)
    },

    /** Job lists from which an agent can take nothing until somebody mends that. */
    get refusedLists(): Set<string> {
      return new Set(members.flatMap(member => member.health.refusedLists))
    },

    /** APPS_FILE has changed. */
    tellApps(): void {
      const appNames = options.appNames()
      if (appNames) for (const { worker } of members) send(worker, { kind: 'apps', appNames })
    },

    get calls(): number {
      return members.reduce((sum, member) => sum + member.health.calls, 0)
    },

    /** No new jobs; resolves when the last call has ended, or after `limitMs`. */
    async drain(limitMs: number): Promise<void> {
      isDraining = true
      for (const { worker } of members) send(worker, { kind: 'drain' })
      await Promise.race([Promise.all(members.map(member => member.drained)), Bun.sleep(limitMs)])
      for (const { worker } of members) worker.terminate()
    },
  }
}
