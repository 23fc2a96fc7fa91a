// An agent, put together: one link to one switch, connections to Redis, the intake of jobs, and the calls it owns.
// Jobs come in by the intake and leave as originates; the switch's events go out as messages on the calls' channels;
// control messages come in there and leave as commands.

import { messageOf } from '../../base/result.ts'
import { MS_PER_SECOND, toSeconds } from '../../base/units.ts'
import { SwitchLink } from '../../esl/link.ts'
import { openAgentDirectory } from '../../redis/agents/directory.ts'
import { openCalls, openSwitchChannels } from '../../redis/calls/calls.ts'
import { openRedis } from '../../redis/connect.ts'
import { openJobs } from '../../redis/jobs/jobs.ts'
import { openPace } from '../../redis/jobs/pace.ts'
import { openSubscriber } from '../../redis/subscriber.ts'
import { openWakeRequests } from '../../redis/wakeRequests/wakeRequests.ts'
import { openTimelineRoom } from '../../timeline/open.ts'
import { openWakeAsker } from '../../union/askWakes.ts'
import { createWaker } from '../account/waker.ts'
import { isCall } from '../call/call.ts'
import type { Holding } from '../call/holding.ts'
import { leave } from '../call/leave.ts'
import { CallRegistry } from '../call/registry.ts'
import { obeyOrder } from '../control/orders.ts'
import { createSwitchChannel } from '../control/switchChannel.ts'
import { follow } from '../follow/channelEvents.ts'
import { createAllowance } from '../job/allowance.ts'
import { gatewayOf } from '../job/originateFor.ts'
import { watchRefusals } from '../job/refusals.ts'
import { openHandOver } from '../ownership/handOver.ts'
import { startLiveness } from '../ownership/lease.ts'
import { createSuccessor } from '../ownership/successor.ts'
import { lookAfterGap, startSweep } from '../ownership/sweep.ts'
import type { AgentContext } from './context.ts'
import type { Observe } from './countNames.ts'
import { drainAgent, finishInTime, leaveDirectory } from './drain.ts'
import { watchIncidents } from './incidents.ts'
import type { Agent, AgentOptions } from './options.ts'
import { openSipRegistrations } from './sipRegistrations.ts'
import { watchSwitchLine } from './switchLine.ts'
import { takeJobs } from './takeJobs.ts'

/** Of TAKEOVER_MS: the lease runs out, the next look sees it, and the rest is for reading back and reconciling. */
const LEASE_PART = 0.45
const LOOK_PART = 0.2

/** A little longer than fenced calls are listened to. */
const LAST_WORDS_MS = 1.5 * MS_PER_SECOND

export function openAgent(options: AgentOptions): Agent {
  const { settings, log } = options
  const { agent } = settings
  const commands = openRedis(settings.redis, 'commands', log)
  const timelines = openTimelineRoom(
    {
      redis: settings.redis,
      timelinesMax: settings.timelinesMax,
      showsFullNumbers: settings.log.showsFullNumbers,
    },
    {
      by: agent,
      tracer: options.tracer,
      onDropped: () => options.count('timelineDropped'),
      clock: options.clock,
      log,
    },
  )
  const timeline = watchIncidents(timelines.recorder, options.onIncident ?? (() => undefined))
  const calls = new CallRegistry()
  let isDraining = false
  let isDeclaredDead = false
  let isDeaf = false
  /** Connected, unconnected or draining: since when. */
  let stateSinceMs = options.clock()
  let onQuiet: (() => void) | undefined

  const observe: Observe = options.observe ?? (() => undefined)
  const link = new SwitchLink({
    host: settings.switch.host,
    port: settings.switch.port,
    password: settings.switch.password,
    log,
    random: options.random,
    meter: {
      nowMs: () => performance.now(),
      onReply: (command, outcome, tookMs) => observe('command', `${command} ${outcome}`, toSeconds(tookMs)),
    },
    onReady: ({ coreUuid }) => void becomeReady(coreUuid),
    onLost: () => {
      stateSinceMs = options.clock()
      registrations?.lost()
      tellHealth()
      line.lost()
    },
    onEvent: event => {
      follow(context, event)
      switchChannel.follow(event)
      registrations?.follow(event)
    },
  })

  const directory = openAgentDirectory(commands)
  const refusals = watchRefusals({
    tryEveryMs: settings.tryRefusingMs,
    nowMs: () => performance.now(),
    onChange(isRefusing) {
      stateSinceMs = options.clock()
      tellHealth()
      // The agents of other switches look for that.
      void liveness.renew()
      if (!isRefusing) return
      const text = 'it refuses what it is asked, and gets one job at a time'
      options.onIncident?.({ kind: 'switch', dialId: settings.switch.name, text })
    },
    onFree: () => intake.wake(),
    isViaGateway: call => gatewayOf(context, call.job) !== undefined,
    log,
  })
  const leaseMs = settings.takeoverMs * LEASE_PART
  const liveness = startLiveness({
    directory,
    card: () => ({
      agent,
      switchName: settings.switch.name,
      coreUuid: link.isReady ? (link.coreUuid ?? '') : '',
      isDraining,
      isRefusing: refusals.isRefusing,
      sinceMs: stateSinceMs,
    }),
    leaseMs,
    onDeclaredDead: () => {
      isDeclaredDead = true
      log.error('this agent was taken for dead and its calls taken over: it ends')
      link.close()
      // A job that still comes goes back to its list.
      void intake.stop()
      for (const holding of held()) leave(context, holding)
      // A leaver may have moved a call to us before it could know: whoever takes that over listens by itself.
      successor.forgoAll()
      // What waits in our socket is ours to answer; then there is nothing left to do under this name.
      setTimeout(() => void finishInTime(context).then(options.onDeclaredDead), LAST_WORDS_MS)
    },
    log,
  })

  const channels = openSubscriber({
    connection: openRedis(settings.redis, 'subscriber', log),
    commands,
    onReturn: () => lookAfterGap(context),
    onDeaf(is) {
      isDeaf = is
      tellHealth()
    },
    log,
  })

  const context: AgentContext = {
    agent,
    settings,
    link,
    store: openCalls(commands, settings.activeKey),
    switchChannels: openSwitchChannels(commands),
    jobs: openJobs(commands, agent),
    channels,
    calls,
    hearing: new Set(),
    allowance: createAllowance({
      perSecond: settings.callsPerSecond,
      pace: openPace(commands),
      coreUuid: () => link.coreUuid ?? settings.switch.name,
      onFree: () => intake.wake(),
      log,
    }),
    refusals,
    givenUp: new Map(),
    unreadable: new Set(),
    unfinished: new Set(),
    get waker() {
      return waker
    },
    count: options.count,
    observe,
    timeline,
    traces: timelines.traces,
    clock: options.clock,
    log,
    mayAct: liveness.mayAct,
    isDeclaredDead: () => isDeclaredDead,
    isAlive: liveness.isAlive,
    obey: (holding, message, answered) =>
      isCall(holding) ? obeyOrder(context, holding, message) : switchChannel.obey(message, answered),
    onRoom: () => {
      tellHealth()
      intake.wake()
      if (calls.size === 0) onQuiet?.()
    },
  }

  const waker = createWaker(
    context,
    openWakeAsker({ store: openWakeRequests(commands), listen: channels.listen, agent, log }),
  )

  const intake = takeJobs(context, {
    openBlocking: () => openRedis(settings.redis, 'blocking', log),
    mayTake: () => !line.isReconciling,
    onRefused: tellHealth,
  })
  // At once, rather than at the next renewal: until then nobody knows of us.
  commands.on('ready', () => void liveness.renew())
  const successor = createSuccessor(context)
  const switchChannel = createSwitchChannel(context, successor, () => !isDraining && !isDeclaredDead)
  let appNames = settings.registrations?.appNames
  let registeredTold: number | undefined
  const registrations = openSipRegistrations(context, commands, {
    appNames: () => appNames,
    isOurs: () => switchChannel.holding() !== undefined && !isDraining && !isDeclaredDead,
  })
  const handOver = openHandOver(context, directory, successor, {
    mayTake: () => link.isReady && !isDraining && !isDeclaredDead,
    onPoke: () => sweep.poke(),
  })
  const sweep = startSweep({
    context,
    directory,
    successor,
    switchChannel,
    onLook(agents) {
      registrations?.look()
      refusals.look(agents)
      if (registrations?.count() !== registeredTold) tellHealth()
    },
    liveness,
    leaseMs,
    lookMs: settings.takeoverMs * LOOK_PART,
    orphanMaxMs: settings.orphanMaxMs,
  })

  /** All that is ours. */
  function held(): Holding[] {
    const channel = switchChannel.holding()
    return [...calls.all(), ...(channel ? [channel] : [])]
  }

  const offerAll = () =>
    handOver
      .offerAll(held())
      .catch(thrown => log.warn({ reason: messageOf(thrown) }, 'no hand-over: redis is away'))

  const line = watchSwitchLine(context, { mayOffer: () => !isDraining && !isDeclaredDead, offerAll })

  async function becomeReady(coreUuid: string): Promise<void> {
    stateSinceMs = options.clock()
    refusals.isAt(coreUuid)
    tellHealth()
    registrations?.look()
    void liveness.renew()
    await line.back(coreUuid)
    intake.wake()
  }

  link.start()

  function tellHealth(): void {
    const { isRefusing } = refusals
    const registered = registrations?.count()
    registeredTold = registered
    options.onHealth({
      isSwitchReady: link.isReady,
      isRefusing,
      isDeaf,
      refusedLists: intake.refusedLists,
      calls: calls.size,
      registered,
    })
  }

  return {
    setAppNames(names) {
      appNames = names
    },

    async drain() {
      isDraining = true
      stateSinceMs = options.clock()
      registrations?.look()
      const isNothingLeft = await drainAgent({
        context,
        commands,
        async stopTaking() {
          const [isIntakeSettled] = await Promise.all([
            intake.stop(),
            liveness.renew(),
            sweep.stopTakingOver(),
          ])
          return isIntakeSettled
        },
        offerAll,
        quiet: () =>
          new Promise(resolve => {
            onQuiet = resolve
          }),
        async holdOwn() {
          await Promise.all([intake.settled(), successor.settled()])
          await sweep.holdOwn()
        },
        releaseSwitchChannel: switchChannel.release,
      })
      line.stop()
      sweep.stop()
      liveness.stop()
      if (isNothingLeft && !isDeclaredDead) await leaveDirectory(context, directory)
      link.close()
      await timelines.close()
      waker.close()
      context.channels.close()
      commands.disconnect()
    },
  }
}
