// Carries one fault out: finds who can suffer it, spoils what it spoils, and heals it when its time is over. One that
// finds nobody does not happen.
import { assertNever } from '../../../src/base/result.ts'
import type { Direction, Line } from '../machine/network.ts'
import type { AgentLife, AgentPlace } from './agentPlace.ts'
import type { FaultKind, PlannedFault } from './faultKinds.ts'
import type { FrontLife, FrontPlace } from './frontPlace.ts'
import { healedAtMs } from './plan.ts'
import { REDIS_PLACE } from './redisPlace.ts'
import type { SwitchPlace } from './switchPlace.ts'
import { frontLivesOf, healLine, livesOf, WELL, type World } from './world.ts'

/** A fault that happened. */
export interface Trouble {
  kind: FaultKind
  /** The process, or the process whose line it is, or the switch, or `redis`. */
  who: string
  fromMs: number
  untilMs: number
}

export interface Troubles {
  all: Trouble[]
  /** Who suffers something now: two faults at one place at a time would heal each other. */
  busy: Set<string>
}

/** Schedules all faults of the plan. @returns what became of them, filled as they happen. */
export function scheduleFaults(world: World): Troubles {
  const troubles: Troubles = { all: [], busy: new Set() }
  const { schedule, network } = world.machine
  for (const fault of world.plan.faults)
    schedule.after(fault.atMs, network.kernel, () => carryOut(world, troubles, fault))
  return troubles
}

/** What a fault does to whom, and what takes it away. */
interface Act {
  who: string
  begin: () => void
  end: () => void
}

function carryOut(world: World, troubles: Troubles, fault: PlannedFault): void {
  const act = prepare(world, fault, who => !troubles.busy.has(who))
  if (!act) return
  const { schedule, network } = world.machine
  const { who } = act
  const fromMs = schedule.nowMs
  // Everything is over a moment before the world is healed.
  const lengthMs = Math.min(fault.lengthMs, healedAtMs(world.plan) - fromMs - 1)
  const trouble: Trouble = { kind: fault.kind, who, fromMs, untilMs: fromMs + lengthMs }
  troubles.all.push(trouble)
  troubles.busy.add(who)
  world.history.add(who, { kind: 'fault', what: fault.kind, phase: 'begins' })
  act.begin()
  schedule.after(lengthMs, network.kernel, () => {
    troubles.busy.delete(who)
    world.history.add(who, { kind: 'fault', what: fault.kind, phase: 'ends' })
    act.end()
  })
}

type IsFree = (who: string) => boolean

function prepare(world: World, fault: PlannedFault, isFree: IsFree): Act | undefined {
  const { kind } = fault
  switch (kind) {
    case 'agent killed':
      return atAgent(world, fault, isFree, (place, life) => ({
        begin: () => place.kill(life),
        end: () => place.start(),
      }))
    case 'agent asleep':
      return atAgent(world, fault, isFree, (_, { process }) => ({
        begin: () => process.sleep(),
        end: () => process.wake(),
      }))
    case 'agent stands still':
      return atAgent(world, fault, isFree, (_, { process }) => ({
        begin: () => process.sleep({ isStandstill: true }),
        end: () => process.wake(),
      }))
    case 'agent terminated':
      return atAgent(world, fault, isFree, (place, life) => ({
        begin: () => place.terminate(life),
        end: () => undefined,
      }))
    case 'agent clock jumps': {
      const byMs = (fault.choice - 0.5) * CLOCK_JUMP_MAX_MS
      return atAgent(world, fault, isFree, (_, { process }) => ({
        begin: () => process.jump(byMs),
        end: () => process.jump(-byMs),
      }))
    }
    case 'front killed':
      return atFront(world, fault, isFree, (place, life) => ({
        begin: () => place.kill(life),
        end: () => place.start(),
      }))
    case 'front asleep':
      return atFront(world, fault, isFree, (_, { process }) => ({
        begin: () => process.sleep(),
        end: () => process.wake(),
      }))
    case 'front stands still':
      return atFront(world, fault, isFree, (_, { process }) => ({
        begin: () => process.sleep({ isStandstill: true }),
        end: () => process.wake(),
      }))
    case 'front terminated':
      return atFront(world, fault, isFree, (place, life) => ({
        begin: () => place.terminate(life),
        end: () => undefined,
      }))
    case 'front clock jumps': {
      const byMs = (fault.choice - 0.5) * CLOCK_JUMP_MAX_MS
      return atFront(world, fault, isFree, (_, { process }) => ({
        begin: () => process.jump(byMs),
        end: () => process.jump(-byMs),
      }))
    }
    case 'wait worker crashes':
      return atFront(world, fault, isFree, (_, { process }) => ({
        begin: () => {
          for (const { name } of process.threads) world.machine.workers.get(name)?.terminate()
        },
        end: () => undefined,
      }))
    case 'redis line cut':
    case 'front redis line cut':
    case 'switch line cut':
      return atLine(world, fault, isFree, line => world.machine.network.cut(line))
    case 'redis line silent':
    case 'front redis line silent':
    case 'switch line silent':
      return atLine(world, fault, isFree, line => silence(world, line, ['there', 'back']))
    case 'redis line silent there':
    case 'front redis line silent there':
    case 'switch line silent there':
      return atLine(world, fault, isFree, line => silence(world, line, ['there']))
    case 'redis line silent back':
    case 'front redis line silent back':
    case 'switch line silent back':
      return atLine(world, fault, isFree, line => silence(world, line, ['back']))
    case 'redis line slow':
    case 'front redis line slow':
    case 'switch line slow':
      return atLine(world, fault, isFree, line => {
        line.delayMs = SLOW_MIN_MS + fault.choice * (SLOW_MAX_MS - SLOW_MIN_MS)
      })
    case 'redis line in pieces':
    case 'front redis line in pieces':
    case 'switch line in pieces':
      return atLine(world, fault, isFree, line => {
        line.isInPieces = true
      })
    case 'redis asleep':
      return atRedis(world, isFree, {
        begin: () => world.redis.process.sleep(),
        end: () => world.redis.process.wake(),
      })
    case 'redis restarts':
      return atRedis(world, isFree, { begin: () => world.redis.kill(), end: () => world.redis.start('all') })
    case 'redis drops clients':
      return atRedis(world, isFree, { begin: () => world.redis.dropClients(), end: () => undefined })
    case 'redis full':
      return atRedis(world, isFree, {
        begin: () => {
          world.redis.model.trouble = 'full'
        },
        end: () => {
          world.redis.model.trouble = undefined
        },
      })
    case 'switch killed':
      return atSwitch(world, fault, isFree, place => ({
        begin: () => place.do(testSwitch => testSwitch.stop()),
        end: () => place.do(testSwitch => testSwitch.start()),
      }))
    case 'switch shut down':
      return atSwitch(world, fault, isFree, place => ({
        begin: () => place.do(testSwitch => testSwitch.stop({ graceful: true })),
        // It takes its time to go down before it can come up.
        end: () => place.do(testSwitch => testSwitch.stop().then(() => testSwitch.start())),
      }))
    case 'switch asleep':
      return atSwitch(world, fault, isFree, ({ process }) => ({
        begin: () => process.sleep(),
        end: () => process.wake(),
      }))
    case 'switch drops sockets':
      return atSwitch(world, fault, isFree, place => ({
        begin: () => place.do(testSwitch => testSwitch.dropSockets({ reset: fault.choice > 0.5 })),
        end: () => undefined,
      }))
    case 'switch slow':
      return misbehaving(world, fault, isFree, {
        replyDelayMs: 50 + fault.choice * 400,
        jobDelayMs: 100,
        jobsFirst: fault.choice > 0.5,
      })
    case 'switch forgets originates':
      return misbehaving(world, fault, isFree, { loseOriginates: true })
    case 'switch forgets jobs':
      return misbehaving(world, fault, isFree, { loseJobs: true })
    case 'switch refuses':
      return misbehaving(world, fault, isFree, { maxChannels: 1 })
    default:
      return assertNever(kind)
  }
}

/** A wall clock that is set goes by minutes at most. */
const CLOCK_JUMP_MAX_MS = 10 * 60_000

/** Up to more than a command to Redis may take. */
const SLOW_MIN_MS = 20
const SLOW_MAX_MS = 1_200

function chosen<Victim>(victims: Victim[], { target }: PlannedFault): Victim | undefined {
  return victims[Math.floor(target * victims.length)]
}

type Phases = Omit<Act, 'who'>

function atAgent(
  world: World,
  fault: PlannedFault,
  isFree: IsFree,
  act: (place: AgentPlace, life: AgentLife) => Phases,
): Act | undefined {
  const able = world.agents.flatMap(place => {
    const life = place.present
    return life && life.process.state === 'awake' && life.agent && isFree(life.name) ? [{ place, life }] : []
  })
  const victim = chosen(able, fault)
  return victim && { who: victim.life.name, ...act(victim.place, victim.life) }
}

/** Of any process that lives, those that are leaving too. */
function atLine(
  world: World,
  fault: PlannedFault,
  isFree: IsFree,
  spoil: (line: Line) => void,
): Act | undefined {
  const { network } = world.machine
  const able = linesOf(world, fault).filter(([name]) => isFree(`${name} line`))
  const victim = chosen(able, fault)
  if (!victim) return undefined
  const [name, to] = victim
  const line = network.line(name, to)
  return { who: `${name} line`, begin: () => spoil(line), end: () => healLine(network, line) }
}

/** Whose lines a fault may spoil, and whereto they go. A front's threads have lines of their own. */
function linesOf(world: World, { kind }: PlannedFault): [name: string, to: string][] {
  if (kind.startsWith('front'))
    return frontLivesOf(world).flatMap(({ process }) =>
      [process, ...process.threads].map(({ name }): [string, string] => [name, REDIS_PLACE]),
    )
  const isRedis = kind.startsWith('redis')
  return livesOf(world).map(({ place, life }) => [life.name, isRedis ? REDIS_PLACE : place.switch.place])
}

function atFront(
  world: World,
  fault: PlannedFault,
  isFree: IsFree,
  act: (place: FrontPlace, life: FrontLife) => Phases,
): Act | undefined {
  const able = world.fronts.flatMap(place => {
    const life = place.present
    return life?.rooms && life.process.state === 'awake' && isFree(life.name) ? [{ place, life }] : []
  })
  const victim = chosen(able, fault)
  return victim && { who: victim.life.name, ...act(victim.place, victim.life) }
}

const silence = (world: World, line: Line, directions: Direction[]): void =>
  world.machine.network.silence(line, directions)

function atRedis(world: World, isFree: IsFree, phases: Phases): Act | undefined {
  return world.redis.isUp && isFree('redis') ? { who: 'redis', ...phases } : undefined
}

function atSwitch(
  world: World,
  fault: PlannedFault,
  isFree: IsFree,
  act: (place: SwitchPlace) => Phases,
): Act | undefined {
  const place = chosen(
    world.switches.filter(({ name }) => isFree(name)),
    fault,
  )
  return place && { who: place.name, ...act(place) }
}

function misbehaving(
  world: World,
  fault: PlannedFault,
  isFree: IsFree,
  how: Parameters<SwitchPlace['testSwitch']['set']>[0],
): Act | undefined {
  return atSwitch(world, fault, isFree, place => ({
    begin: () => place.do(testSwitch => testSwitch.set(how)),
    end: () => place.do(testSwitch => testSwitch.set(WELL)),
  }))
}
