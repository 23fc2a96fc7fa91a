// One simulated world: Redis, switches, agents at each of them, fronts, a PBX and phones, on virtual time. Opened here; what happens in it is
// decided elsewhere.

import type { WakeId } from '../../../src/redis/keys.ts'
import type { Line, Network } from '../machine/network.ts'
import type { Process } from '../machine/process.ts'
import type { Machine } from '../machine/runtime.ts'
import { openMachine } from '../machine/runtime.ts'
import { type AgentLife, AgentPlace } from './agentPlace.ts'
import { type FrontLife, FrontPlace } from './frontPlace.ts'
import { History, type Message } from './history.ts'
import { stackOf } from './log.ts'
import { Owners } from './owners.ts'
import { type Pbx, startPbx } from './pbx.ts'
import { type Phones, startPhones } from './phones.ts'
import { orderedDialIdsOf, type Plan } from './plan.ts'
import { REDIS_PLACE, RedisPlace } from './redisPlace.ts'
import { SwitchPlace } from './switchPlace.ts'
import { WakeRecords } from './wakeRecords.ts'

export type Deliveries = Map<string, { who: string; atMs: number; lastMs: number }[]>

export interface World {
  plan: Plan
  machine: Machine
  history: History
  redis: RedisPlace
  switches: SwitchPlace[]
  agents: AgentPlace[]
  fronts: FrontPlace[]
  phones: Phones
  pbx: Pbx
  /** By a message's own id, or a channel's: which processes were told of it, when first and when last. */
  deliveries: Deliveries
  owners: Owners
  wakeRecords: WakeRecords
  /** By switch: who connected, in order. */
  visitors: Map<string, string[]>
  /** Told of everything that is published: the backend's ear. */
  onPublished: (channel: string, message: Message) => void
}

export function openWorld(plan: Plan): World {
  const machine = openMachine(plan.seed)
  const { schedule } = machine
  const history = new History(() => schedule.nowMs)
  schedule.onThrown = (owner: Process, thrown) =>
    history.add(owner.name, { kind: 'thrown', error: stackOf(thrown) })
  const world: World = {
    plan,
    machine,
    history,
    redis: new RedisPlace(
      machine,
      published => {
        history.publish(published)
        const line = history.lines.at(-1)
        if (line?.kind === 'published') world.onPublished(line.channel, line.message)
      },
      () => {
        world.owners.look(world.redis.model.db, schedule.nowMs)
        world.wakeRecords.look(world.redis.model.db, schedule.nowMs)
      },
    ),
    owners: new Owners([...plan.calls.map(({ dialId }) => dialId), ...orderedDialIdsOf(plan)]),
    wakeRecords: new WakeRecords([...plan.wakes.wakes, ...wakesOfJobs(plan)]),
    switches: Array.from({ length: plan.switches }, (_, index) => new SwitchPlace(machine, index, history)),
    agents: [],
    fronts: [],
    phones: undefined as unknown as Phones,
    pbx: undefined as unknown as Pbx,
    deliveries: new Map(),
    visitors: new Map(),
    onPublished: () => undefined,
  }
  machine.network.onAccepted = ({ name }, from) => {
    const visitors = world.visitors.get(name) ?? []
    world.visitors.set(name, visitors)
    visitors.push(from)
  }
  machine.network.onDelivered = ({ name }, bytes) => {
    noteDeliveries(world, name, bytes, COMMAND_ID)
    noteDeliveries(world, name, bytes, CHANNEL_UUID)
  }
  const hasPhones = plan.wakes.fronts > 0
  for (const [index, place] of world.switches.entries())
    for (let at = 0; at < plan.agents; at++)
      world.agents.push(new AgentPlace(machine, `agent-${index}${'abc'[at]}`, place, { history, hasPhones }))
  for (const agent of world.agents) agent.start()
  if (plan.wakes.fronts > 0) addFronts(world)
  return world
}

function addFronts(world: World): void {
  const { machine, plan, history } = world
  world.phones = startPhones(world)
  for (let at = 0; at < plan.wakes.fronts; at++)
    world.fronts.push(new FrontPlace(machine, `front-${'abc'[at]}`, history, world.phones.senderOf))
  for (const front of world.fronts) front.start()
  world.pbx = startPbx(world)
}

/** The sides of jobs that are accounts. */
export const wakesOfJobs = ({ calls }: Plan): (WakeId & { side: string })[] =>
  calls.flatMap(({ dialId: callId, job }) => {
    const of = (account: unknown, side: string) =>
      typeof account === 'string' ? [{ account, callId, side }] : []
    return [...of(job.caller_account, '0'), ...of(job.account, '0'), ...of(job.callee_account, '1')]
  })

/** Fronts that take requests. */
export const frontsUp = ({ fronts }: World): FrontLife[] =>
  fronts.flatMap(({ present }) => (present?.rooms ? [present] : []))

/** Fronts that live, those that are leaving included. */
export const frontLivesOf = ({ fronts }: World): FrontLife[] =>
  fronts.flatMap(({ lives }) => lives.filter(({ state }) => state !== 'gone'))

/** Notes the ids of messages and channels that a process is told of; an agent hears its own answers too. */
function noteDeliveries({ deliveries, machine }: World, who: string, bytes: string, ids: RegExp): void {
  for (const [, id] of bytes.matchAll(ids)) {
    const list = deliveries.get(id!) ?? []
    deliveries.set(id!, list)
    const { nowMs } = machine.schedule
    const known = list.find(each => each.who === who)
    if (known) known.lastMs = nowMs
    else list.push({ who, atMs: nowMs, lastMs: nowMs })
  }
}

const COMMAND_ID = /"command_id":"([^"]+)"/g
/** In an event, and in what `uuid_dump` tells of a channel that lives. */
const CHANNEL_UUID = /Unique-ID"?: "?([0-9a-f-]{36})/g

/** Agents that live, those that are leaving included. */
export const livesOf = (world: World): { place: AgentPlace; life: AgentLife }[] =>
  world.agents.flatMap(place =>
    place.lives.filter(life => life.state !== 'gone').map(life => ({ place, life })),
  )

export function healLine(network: Network, line: Line): void {
  line.delayMs = 0
  line.isInPieces = false
  network.heal(line)
}

/** Everything goes well again: lines, processes, Redis, switches. */
export function heal(world: World): void {
  const { network } = world.machine
  for (const { place, life } of livesOf(world)) {
    for (const to of [REDIS_PLACE, place.switch.place]) {
      healLine(network, network.line(life.name, to))
    }
    life.process.wake()
  }
  for (const { process } of frontLivesOf(world)) {
    for (const { name } of [process, ...process.threads]) healLine(network, network.line(name, REDIS_PLACE))
    process.wake()
  }
  world.redis.process.wake()
  world.redis.model.trouble = undefined
  if (world.redis.process.state === 'dead') world.redis.start('all')
  for (const place of world.switches) {
    place.process.wake()
    place.do(testSwitch => {
      testSwitch.set(WELL)
      testSwitch.start()
    })
  }
}

/** Of the misbehaviours, those that faults switch on. */
export const WELL = {
  silent: false,
  replyDelayMs: 0,
  jobDelayMs: 0,
  jobsFirst: false,
  loseOriginates: false,
  loseJobs: false,
  maxChannels: 0,
}
