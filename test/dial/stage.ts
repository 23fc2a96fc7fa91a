// A stage for dialled calls: a real Redis, a test switch, agents, and a backend that pushes jobs, listens to a call's
// channel and speaks on it. What the backend itself says is left out of what it heard.
import pino from 'pino'
import type { Log } from '../../src/base/log.ts'
import { openAgent } from '../../src/dial/agent/agent.ts'
import type { AgentSettings, Health } from '../../src/dial/agent/messages.ts'
import { openAgentDirectory } from '../../src/redis/agents/directory.ts'
import { openRedis } from '../../src/redis/connect.ts'
import { openSubscriber } from '../../src/redis/subscriber.ts'
import { openWakeRequests } from '../../src/redis/wakeRequests/wakeRequests.ts'
import { openWakeService, type WakeServiceOptions } from '../../src/union/serveWakes.ts'
import { startRedis, type TestRedis } from '../harness/redis.ts'
import { type TestSwitchOptions, WELL_BEHAVED } from '../switch/settings.ts'
import { startTestSwitch, type TestSwitch } from '../switch/testSwitch.ts'

export type Heard = Record<string, string> & { type: string }

export const GATEWAY = 'talk_call_provider'
export const SOUND = '/usr/share/freeswitch/sounds/test/announce-3s.wav'

/** What one channel says. */
export interface Channel {
  /** Everything that was heard so far. */
  heard: Heard[]
  /** The next message that fits, from the first not yet waited for. @throws after `HEARD_TIMEOUT_MS`, with what was heard. */
  next(fits: string | ((message: Heard) => boolean)): Promise<Heard>
  /** Publishes, and waits for the one answer. */
  order(message: Record<string, unknown>): Promise<Heard>
  say(message: Record<string, unknown> | string): Promise<number>
}

export interface Stage {
  redis: TestRedis
  switch: TestSwitch
  /** Opens a further agent. */
  agent(settings?: Partial<AgentSettings>): OpenedAgent
  /** The names of the agents that are known to serve a switch: each gets what another one of it hands over. */
  knownAgents(): Promise<string[]>
  /** A front that takes what agents ask for. Its phones do as `hold` says. */
  front(hold: WakeServiceOptions['hold'], name?: string): Promise<OpenedFront>
  listen(channel: string): Promise<Channel>
  push(job: Record<string, unknown>, list?: string): Promise<void>
  close(): Promise<void>
}

export interface OpenedAgent {
  name: string
  drain(): Promise<void>
  counts: Map<string, number>
  isDeclaredDead: boolean
  /** As told last. */
  health: Health | undefined
  /** Resolves when it may dial, and the other agents know that: calls can be handed over to it. */
  isReady: Promise<void>
}

export interface OpenedFront {
  /** Takes nothing more, and answers nothing more: as one that is killed. */
  kill(): void
}

/** Tests look for log lines by looking at this when LOG_LEVEL is set; by default agents are quiet. */
const log = pino({ level: process.env.LOG_LEVEL ?? 'silent' }) as unknown as Log

const HEARD_TIMEOUT_MS = 30_000
/** A busy machine starts agents slowly. */
const READY_TIMEOUT_MS = 45_000

export async function openStage(
  options: { switch?: TestSwitchOptions; redisArgs?: string[] } = {},
): Promise<Stage> {
  const redis = await startRedis(options.redisArgs ?? [])
  const testSwitch = await startTestSwitch({ msPerSecond: 100, ...options.switch })
  const agents: OpenedAgent[] = []
  const subscribers: { disconnect(): void }[] = []
  const fronts = new Set<OpenedFront>()

  const connectedAgents = async () =>
    [...(await openAgentDirectory(redis.client).all()).values()].flatMap(card =>
      card?.coreUuid ? [card] : [],
    )

  async function knownAgents(): Promise<string[]> {
    const agents = await connectedAgents()
    return agents.filter(each => each.coreUuid === testSwitch.coreUuid).map(each => each.agent)
  }

  return {
    knownAgents,
    redis,
    switch: testSwitch,

    agent(settings = {}) {
      const name = settings.agent ?? `agent-${crypto.randomUUID().slice(0, 8)}`
      const { promise, resolve } = Promise.withResolvers<void>()
      const opened: OpenedAgent = {
        name,
        counts: new Map(),
        isDeclaredDead: false,
        health: undefined,
        isReady: promise.then(() =>
          until(
            'the others know',
            async () => {
              const known = await connectedAgents()
              return opened.isDeclaredDead || known.some(each => each.agent === name)
            },
            READY_TIMEOUT_MS,
          ),
        ),
        drain: () => agent.drain(),
      }
      const agent = openAgent({
        settings: { ...settingsFor(redis.url, testSwitch.port), ...settings, agent: name },
        count: (kind, label = '') => {
          const key = `${kind} ${label}`.trim()
          opened.counts.set(key, (opened.counts.get(key) ?? 0) + 1)
        },
        onDeclaredDead: () => {
          opened.isDeclaredDead = true
        },
        onHealth(health) {
          opened.health = health
          if (health.isSwitchReady) resolve()
        },
        clock: Date.now,
        random: Math.random,
        log,
      })
      agents.push(opened)
      return opened
    },

    async front(hold, name = `front-${crypto.randomUUID().slice(0, 8)}`) {
      const settings = { url: redis.url, connectTimeoutMs: 1_000 }
      const commands = openRedis(settings, 'commands', log)
      const connection = openRedis(settings, 'subscriber', log)
      const blocking = openRedis(settings, 'blocking', log)
      const subscriber = openSubscriber({ connection, commands, log })
      const service = openWakeService({
        store: openWakeRequests(commands),
        openBlocking: () => blocking,
        listen: subscriber.listen,
        front: name,
        hold,
        canHold: () => true,
        clock: Date.now,
        log,
      })
      const front: OpenedFront = {
        kill() {
          fronts.delete(front)
          service.close()
          for (const each of [blocking, commands]) each.disconnect()
          subscriber.close()
        },
      }
      fronts.add(front)
      await subscriber.whole()
      return front
    },

    async listen(channel) {
      const subscriber = redis.client.duplicate()
      subscribers.push(subscriber)
      const opened = openChannel(message => redis.client.publish(channel, message))
      subscriber.on('message', (_channel: string, text: string) => opened.hear(text))
      await subscriber.subscribe(channel)
      return opened.channel
    },

    async push(job, list = listOf(job)) {
      await redis.client.rpush(list, JSON.stringify(job))
    },

    async close() {
      // Calls that a test left up must not keep its agents.
      testSwitch.set(WELL_BEHAVED)
      testSwitch.start()
      for (const each of testSwitch.channels()) testSwitch.hangup(each.uuid)
      await Promise.all(
        agents
          .filter(each => !each.isDeclaredDead)
          .map(each => Promise.race([each.drain(), Bun.sleep(3_000)])),
      )
      for (const front of [...fronts]) front.kill()
      for (const subscriber of subscribers) subscriber.disconnect()
      await testSwitch.close()
      await redis.close()
    },
  }
}

function openChannel(publish: (text: string) => Promise<number>): {
  channel: Channel
  hear: (text: string) => void
} {
  const heard: Heard[] = []
  const own: string[] = []
  const watchers = new Set<() => void>()
  let seen = 0

  const say = (message: Record<string, unknown> | string) => {
    const text = typeof message === 'string' ? message : JSON.stringify(message)
    own.push(text)
    return publish(text)
  }
  const next = (fits: string | ((message: Heard) => boolean)) =>
    new Promise<Heard>((resolve, reject) => {
      const isIt = typeof fits === 'string' ? (message: Heard) => message.type === fits : fits
      const stop = (act: () => void) => {
        watchers.delete(look)
        clearTimeout(timer)
        act()
      }
      const look = () => {
        const index = heard.findIndex((message, at) => at >= seen && isIt(message))
        if (index < 0) return
        seen = index + 1
        stop(() => resolve(heard[index]!))
      }
      const timer = setTimeout(
        () =>
          stop(() => reject(new Error(`never heard ${fits}; heard: ${JSON.stringify(heard, undefined, 1)}`))),
        HEARD_TIMEOUT_MS,
      )
      watchers.add(look)
      look()
    })
  const channel: Channel = {
    heard,
    next,
    say,
    async order(message) {
      const commandId = crypto.randomUUID()
      await say({ ...message, command_id: commandId })
      const answer = await next(each => each.command_id === commandId)
      const { command_id: _, ...rest } = answer
      return rest as Heard
    },
  }
  return {
    channel,
    hear(text) {
      const index = own.indexOf(text)
      if (index >= 0) {
        own.splice(index, 1)
        return
      }
      heard.push(JSON.parse(text) as Heard)
      for (const look of watchers) look()
    },
  }
}

function settingsFor(redisUrl: string, switchPort: number): Omit<AgentSettings, 'agent'> {
  return {
    switch: { name: `127.0.0.1:${switchPort}`, host: '127.0.0.1', port: switchPort, password: 'ClueCon' },
    redis: { url: redisUrl, connectTimeoutMs: 1_000 },
    jobLists: ['talkiq-asp.calls', 'talkiq-bot.calls', 'talkiq-load.calls'],
    activeKey: 'dial.org.user',
    gateways: { special: 'special_gateway' },
    gateway: GATEWAY,
    accountDial: { kind: 'user' },
    wakeTimeoutMs: 60_000,
    sipProfile: 'external',
    sipHeaderPrefix: 'Accuvit-',
    ringTimeoutSeconds: 3,
    jobAgeMaxMs: 60_000,
    bargersMax: 8,
    callsMax: 10_000,
    callsPerSecond: 0,
    isLoadTestAllowed: true,
    takeoverMs: 1_000,
    orphanMaxMs: 60_000,
    compareMs: 60_000,
    tryRefusingMs: 60_000,
    timelinesMax: 1_000,
    log: { level: 'silent', showsFullNumbers: false, isPretty: false },
  }
}

const listOf = (job: Record<string, unknown>): string =>
  ({ 'bot-call': 'talkiq-bot.calls', 'load-test': 'talkiq-load.calls' })[String(job.type)] ??
  'talkiq-asp.calls'

let dialled = 0
/** A dial id that no other test uses. */
export const newDialId = (): string => `dial-${++dialled}-${crypto.randomUUID().slice(0, 8)}`

/** An asp-call. Numbers' last digits say what their phones do: 486 busy, 603 rejects, 404, 503, 480 does not answer. */
export const aspJob = (dialId: string, more: Record<string, unknown> = {}): Record<string, unknown> => ({
  type: 'asp-call',
  call_provider: 'acme',
  caller_number: '15550000001',
  callee_number: '15550000002',
  caller_id_lega: '15550000002',
  caller_id_legb: '15550000001',
  dial_id: dialId,
  org_id: 'org',
  user_id: 'user',
  ...more,
})

export const botJob = (dialId: string, more: Record<string, unknown> = {}): Record<string, unknown> => ({
  type: 'bot-call',
  phone_number: '15550000003',
  caller_id: '15550000009',
  dial_id: dialId,
  org_id: 'org',
  user_id: 'user',
  ...more,
})

/** What a call leaves in Redis under its own names: nothing, once it is over. */
export async function leftovers(stage: Stage): Promise<string[]> {
  const keys = await stage.redis.client.keys('*')
  return keys.filter(key => /^(hookswitch:(call|owned|in-flight)|redswitch\.|talkiq-)/.test(key)).sort()
}

/** Resolves when it holds. @throws after `limitMs`. */
export async function until(
  what: string,
  holds: () => Promise<boolean> | boolean,
  limitMs = HEARD_TIMEOUT_MS,
): Promise<void> {
  const endsAtMs = performance.now() + limitMs
  while (!(await holds())) {
    if (performance.now() > endsAtMs) throw new Error(`never came true: ${what}`)
    await Bun.sleep(10)
  }
}
