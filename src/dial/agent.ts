// An agent, put together: one link to one switch, connections to Redis, the intake of jobs, and the calls it owns.
// Jobs come in by the intake and leave as originates; the switch's events go out as messages on the calls' channels;
// control messages come in there and leave as commands.
import { SwitchLink } from '../esl/link.ts'
import type { Log } from '../log.ts'
import { openAgentRoll } from '../redis/agents.ts'
import { openCalls } from '../redis/calls.ts'
import { openChannels } from '../redis/channels.ts'
import { openRedis } from '../redis/connect.ts'
import { openJobs } from '../redis/jobs.ts'
import { coreListenerKey } from '../redis/keys.ts'
import { type Lease, openLeases } from '../redis/lease.ts'
import { messageOf } from '../result.ts'
import { type Clock, MS_PER_SECOND } from '../units.ts'
import type { AgentSettings } from './agentMessages.ts'
import { hearControl } from './controlDesk.ts'
import { type CoreChannel, createCoreChannel } from './coreChannel.ts'
import { type Count, type Desk, fence, lookAfterGap } from './desk.ts'
import { dialJob } from './dialer.ts'
import { follow } from './follow.ts'
import { isForAnother, openHandover } from './handover.ts'
import { startIntake } from './intake.ts'
import { startLiveness } from './liveness.ts'
import { loseAll, reconcileAll } from './reconcile.ts'
import { CallRegistry } from './registry.ts'
import { startTakeover } from './takeover.ts'

export interface AgentOptions {
  settings: AgentSettings
  count: Count
  /** Declared dead by others: the agent must end, and act no more. */
  onBuried: () => void
  onHealth: (health: { isSwitchReady: boolean; calls: number }) => void
  clock: Clock
  random: () => number
  log: Log
}

export interface Agent {
  /** Takes no new job, hands its calls to others, and keeps those that nobody takes until they end. */
  drain(): Promise<void>
}

/** Who listens on a switch's channel may be silent this long before another agent does. */
const CORE_LEASE_MS = 6 * MS_PER_SECOND

/** Of TAKEOVER_MS: the lease runs out, the next look sees it, and the rest is for reading back and reconciling. */
const LEASE_PART = 0.5
const LOOK_PART = 0.15

/** A little longer than fenced calls are listened to. */
const LAST_WORDS_MS = 1.5 * MS_PER_SECOND

/** A drain looks at its calls when one ends; this is only how often it tells the log. */
const DRAIN_NOTE_MS = 30 * MS_PER_SECOND

export function openAgent(options: AgentOptions): Agent {
  const { settings, log } = options
  const { agent } = settings
  const commands = openRedis(settings.redis, 'commands', log)
  const subscriber = openRedis(settings.redis, 'subscriber', log)
  const calls = new CallRegistry()
  /** Jobs that were taken and are neither a call in Redis nor answered yet, by their text. */
  const inHand = createBag()
  let isReconciling = false
  let isDraining = false
  let isBuried = false
  let core: { channel: CoreChannel; lease: Lease } | undefined
  let onQuiet: (() => void) | undefined
  let orphaned: Timer | undefined

  const link = new SwitchLink({
    host: settings.switch.host,
    port: settings.switch.port,
    password: settings.switch.password,
    log,
    random: options.random,
    onReady: ({ coreUuid }) => void becomeReady(coreUuid),
    onLost: () => {
      tellHealth()
      leaveCore()
      orphaned = setTimeout(() => loseAll(desk), settings.orphanMaxMs)
    },
    onEvent: event => {
      follow(desk, event)
      core?.channel.follow(event)
    },
  })

  const roll = openAgentRoll(commands)
  const holdLease = openLeases(commands)
  const leaseMs = settings.takeoverMs * LEASE_PART
  const liveness = startLiveness({
    roll,
    card: () => ({
      agent,
      switchName: settings.switch.name,
      coreUuid: link.isReady ? (link.coreUuid ?? '') : '',
      isDraining,
    }),
    leaseMs,
    onBuried: () => {
      isBuried = true
      log.error('this agent was taken for dead and its calls taken over: it ends')
      link.close()
      // A job that still comes goes back to its list.
      void intake.stop()
      for (const call of calls.all()) fence(desk, call)
      // What waits in our socket is ours to answer; then there is nothing left to do under this name.
      setTimeout(options.onBuried, LAST_WORDS_MS)
    },
    log,
  })

  const desk: Desk = {
    agent,
    settings,
    link,
    store: openCalls(commands),
    jobs: openJobs(commands, agent),
    channels: openChannels(subscriber, () => lookAfterGap(desk)),
    calls,
    count: options.count,
    clock: options.clock,
    log,
    mayAct: liveness.mayAct,
    onMessage: (call, message) => {
      if (!isForAnother(desk, call, message)) hearControl(desk, call, message)
    },
    onRoom: () => {
      tellHealth()
      intake.wake()
      if (calls.size === 0) onQuiet?.()
    },
  }

  const intake = startIntake({
    lists: settings.jobLists,
    jobs: desk.jobs,
    openBlocking: () => openRedis(settings.redis, 'blocking', log),
    canDial: () => link.isReady && !isReconciling && calls.size < settings.callsMax,
    callsPerSecond: settings.callsPerSecond,
    onJob: taken => {
      inHand.add(taken.text)
      void dialJob(desk, taken)
        .catch(thrown => log.error({ err: thrown }, 'dialling a job failed'))
        .finally(() => inHand.delete(taken.text))
    },
    isKnown: job => inHand.has(job) || calls.all().some(call => call.text === job),
    clock: options.clock,
    log,
  })
  // At once, rather than at the next renewal: until then nobody knows of us.
  commands.on('ready', () => void liveness.renew())
  const handover = openHandover(desk, roll)
  const takeover = startTakeover({
    desk,
    roll,
    liveness,
    leaseMs,
    lookMs: settings.takeoverMs * LOOK_PART,
    orphanMaxMs: settings.orphanMaxMs,
  })
  link.start()

  /** The calls of before come first: jobs wait until it is known what became of them. */
  async function becomeReady(coreUuid: string): Promise<void> {
    clearTimeout(orphaned)
    tellHealth()
    listenToCore(coreUuid)
    isReconciling = true
    try {
      await reconcileAll(desk, coreUuid)
    } catch (thrown) {
      log.error({ err: thrown }, 'reconciling with the switch failed')
    } finally {
      isReconciling = false
      intake.wake()
    }
  }

  function listenToCore(coreUuid: string): void {
    if (core?.channel.coreUuid === coreUuid || isDraining) return
    leaveCore()
    const channel = createCoreChannel(desk, coreUuid)
    const lease = holdLease({
      key: coreListenerKey(coreUuid),
      holder: agent,
      leaseMs: CORE_LEASE_MS,
      onGained: () => {
        desk.channels
          .listen(coreUuid, channel.hear)
          .catch(thrown => log.warn({ reason: messageOf(thrown) }, "the switch's channel is not heard"))
      },
      onLost: () =>
        void desk.channels.unlisten(coreUuid).catch(() => log.debug('redis is away: nothing to leave')),
      log,
    })
    core = { channel, lease }
  }

  function leaveCore(): void {
    if (!core) return
    const { channel, lease } = core
    core = undefined
    desk.channels.unlisten(channel.coreUuid).catch(() => log.debug('redis is away: nothing to leave'))
    void lease.drop()
  }

  function tellHealth(): void {
    options.onHealth({ isSwitchReady: link.isReady, calls: calls.size })
  }

  return {
    async drain() {
      isDraining = true
      leaveCore()
      await Promise.all([intake.stop(), liveness.renew()])
      takeover.stop()
      await handover
        .leave()
        .catch(thrown => log.warn({ reason: messageOf(thrown) }, 'no hand-over: redis is away'))
      const note = setInterval(() => log.info({ calls: calls.size }, 'draining: calls go on'), DRAIN_NOTE_MS)
      if (calls.size > 0) {
        await new Promise<void>(resolve => {
          onQuiet = resolve
        })
      }
      clearInterval(note)
      clearTimeout(orphaned)
      liveness.stop()
      // Declared dead meanwhile: a survivor strikes us off, once it has taken over what stands under our name.
      const struck = isBuried ? Promise.resolve() : roll.strike(agent)
      await struck.catch(thrown => log.debug({ reason: messageOf(thrown) }, 'not struck off: others will'))
      link.close()
      subscriber.disconnect()
      commands.disconnect()
    },
  }
}

/** Texts with their count: two jobs may have the same one. */
function createBag() {
  const counts = new Map<string, number>()
  return {
    add: (text: string) => void counts.set(text, (counts.get(text) ?? 0) + 1),
    has: (text: string) => counts.has(text),
    delete(text: string): void {
      const left = (counts.get(text) ?? 0) - 1
      if (left > 0) counts.set(text, left)
      else counts.delete(text)
    },
  }
}
