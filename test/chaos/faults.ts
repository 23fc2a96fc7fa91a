// Carries the faults out: each begins when its time has come and somebody can suffer it, lasts as long as it was
// drawn, and heals. Several are at work at once. The first agent and the first front are never killed nor sent away,
// so that a long life can be looked at for what it leaks.
import { assertNever } from '../../src/base/result.ts'
import type { FaultKind, PlannedFault } from './plan.ts'
import { isPortOf, type Slot } from './processes.ts'
import type { Scene, SwitchPlace } from './scene.ts'
import { RECONNECT_MS } from './troubles.ts'

/** A takeover is timed from the moment at which a process went down, for each call that it had. */
export interface Downfall {
  who: string
  atMs: number
  dialIds: string[]
}

export interface FaultLedger {
  /** Carried out, by kind. */
  counts: Map<FaultKind, number>
  downfalls: Downfall[]
  /** Exit codes of processes that were terminated, other than 0. */
  badExits: string[]
}

/** A leaver keeps its calls if nobody takes them; the longest of ours end by themselves before. */
const EXIT_TIMEOUT_MS = 60_000

/** How long a fault may wait for somebody who can suffer it. */
const WAIT_MS = 20_000

/** Carries out all of them. Resolves when the last one has healed. */
export async function carryOut(
  scene: Scene,
  faults: readonly PlannedFault[],
  beganAtMs: number,
): Promise<FaultLedger> {
  const ledger: FaultLedger = { counts: new Map(), downfalls: [], badExits: [] }
  const running: Promise<void>[] = []
  for (const fault of faults) {
    await Bun.sleep(Math.max(0, beganAtMs + fault.atMs - Date.now()))
    const begin = await chance(scene, fault, ledger)
    if (!begin) continue
    ledger.counts.set(fault.kind, (ledger.counts.get(fault.kind) ?? 0) + 1)
    running.push(begin())
  }
  await Promise.all(running)
  return ledger
}

/** Waits until somebody can suffer it. @returns what begins it. */
async function chance(
  scene: Scene,
  fault: PlannedFault,
  ledger: FaultLedger,
): Promise<(() => Promise<void>) | undefined> {
  const limitAtMs = Date.now() + WAIT_MS
  for (;;) {
    const begin = prepare(scene, fault, ledger)
    if (begin) return begin
    if (Date.now() > limitAtMs) return undefined
    await Bun.sleep(50)
  }
}

const seconds = (fault: PlannedFault, min: number, max: number): number =>
  (min + fault.length * (max - min)) * 1_000

function prepare(scene: Scene, fault: PlannedFault, ledger: FaultLedger): (() => Promise<void>) | undefined {
  const { kind } = fault
  switch (kind) {
    case 'agent killed':
      return atSlot(scene, fault, 'agent', 1, slot => kill(scene, slot, fault, ledger))
    case 'agent paused':
      return atSlot(scene, fault, 'agent', 0, slot => pause(scene, slot, fault, ledger))
    case 'agent terminated':
      return atSlot(scene, fault, 'agent', 1, slot => terminate(scene, slot, ledger))
    case 'front killed':
      return atSlot(scene, fault, 'front', 1, slot => kill(scene, slot, fault, ledger))
    case 'front paused':
      return atSlot(scene, fault, 'front', 0, slot => pause(scene, slot, fault, ledger))
    case 'front terminated':
      return atSlot(scene, fault, 'front', 1, slot => terminate(scene, slot, ledger))
    case 'redis line cut':
      return atSlot(scene, fault, undefined, 0, slot => shut(scene, slot, 'cut', seconds(fault, 0.1, 3.5)))
    case 'redis line stalled':
      return atSlot(scene, fault, undefined, 0, slot =>
        shut(scene, slot, 'stalled', seconds(fault, 0.5, 3.5)),
      )
    case 'redis killed':
      return atRedis(scene, kind, () => scene.restartRedis(seconds(fault, 0, 1.5)))
    case 'redis paused':
      return atRedis(scene, kind, async () => {
        scene.redis.pause()
        await Bun.sleep(seconds(fault, 0.3, 2.5))
        scene.redis.resume()
      })
    case 'redis drops clients':
      return atRedis(scene, kind, () => dropClients(scene, 'normal'))
    case 'redis drops subscribers':
      return atRedis(scene, kind, () => dropClients(scene, 'pubsub'))
    case 'switch killed':
      return atSwitch(scene, fault, ({ remote }) => remote.restart({ downMs: seconds(fault, 0, 2) }))
    case 'switch shut down':
      return atSwitch(scene, fault, ({ remote }) =>
        remote.restart({ graceful: true, downMs: seconds(fault, 0, 1) }),
      )
    case 'switch drops sockets':
      return atSwitch(scene, fault, ({ remote }) => remote.dropSockets({ reset: fault.length > 0.5 }))
    case 'switch silent':
      return atSwitch(scene, fault, each => misbehave(each, { silent: true }, seconds(fault, 0.5, 6)))
    case 'switch slow': {
      const how = { replyDelayMs: 50 + fault.length * 400, jobDelayMs: 100, jobsFirst: fault.length > 0.5 }
      return atSwitch(scene, fault, each => misbehave(each, how, seconds(fault, 1, 4)))
    }
    case 'switch forgets': {
      const how = fault.length > 0.5 ? { loseOriginates: true } : { loseJobs: true }
      return atSwitch(scene, fault, each => misbehave(each, how, 1_000))
    }
    case 'switch line cut':
      return atSwitchLine(scene, fault, 'cut', seconds(fault, 0.1, 4))
    case 'switch line stalled':
      return atSwitchLine(scene, fault, 'stalled', seconds(fault, 0.5, 6))
    default:
      return assertNever(kind)
  }
}

/** One of those that can suffer it, marked as busy; undefined: nobody can now. */
function choose<Victim extends { isBusy: boolean }>(
  victims: Victim[],
  { target }: PlannedFault,
  act: (victim: Victim) => Promise<void>,
): (() => Promise<void>) | undefined {
  const able = victims.filter(each => !each.isBusy)
  const victim = able[Math.floor(target * able.length)]
  if (!victim) return undefined
  victim.isBusy = true
  return async () => {
    await act(victim)
    victim.isBusy = false
  }
}

function atSlot(
  scene: Scene,
  fault: PlannedFault,
  role: Slot['role'] | undefined,
  /** Those below are spared. */
  from: number,
  act: (slot: Slot) => Promise<void>,
): (() => Promise<void>) | undefined {
  const slots = scene.crew.slots.filter(
    each => (role === undefined || each.role === role) && each.index >= from && each.member.state === 'up',
  )
  return choose(slots, fault, act)
}

function atSwitch(
  scene: Scene,
  fault: PlannedFault,
  act: (place: SwitchPlace) => Promise<void>,
): (() => Promise<void>) | undefined {
  return choose(scene.switches, fault, async place => {
    const { name: who } = place
    const trouble = scene.troubles.begin({ who, what: fault.kind, fromMs: Date.now(), afterMs: RECONNECT_MS })
    await act(place)
    scene.troubles.end(trouble)
  })
}

/** Between one agent's process and one switch; to all others the switch is well. */
function atSwitchLine(
  scene: Scene,
  fault: PlannedFault,
  state: 'cut' | 'stalled',
  lengthMs: number,
): (() => Promise<void>) | undefined {
  const agents = scene.crew.of('agent').filter(each => each.member.state === 'up')
  const agent = agents[Math.floor(((fault.target * 7) % 1) * agents.length)]
  if (!agent) return undefined
  const { name: who, pid } = agent.member
  return choose(scene.switches, fault, async ({ valve, name }) => {
    const what = `${fault.kind}: ${name}`
    const trouble = scene.troubles.begin({
      who: `${who}/${name}`,
      what,
      fromMs: Date.now(),
      afterMs: RECONNECT_MS,
    })
    valve.set(state, clientPort => isPortOf(pid, clientPort))
    await Bun.sleep(lengthMs)
    valve.set('open')
    scene.troubles.end(trouble)
  })
}

function atRedis(scene: Scene, what: string, act: () => Promise<void>): (() => Promise<void>) | undefined {
  // A valve that Redis' own restart opens must not be another fault's.
  if (scene.isRedisBusy || scene.crew.slots.some(each => each.isBusy && each.isLineShut)) return undefined
  scene.isRedisBusy = true
  return async () => {
    const trouble = scene.troubles.begin({ who: 'redis', what, fromMs: Date.now(), afterMs: RECONNECT_MS })
    await act()
    scene.troubles.end(trouble)
    scene.isRedisBusy = false
  }
}

async function dropClients({ redis, crew }: Scene, type: 'normal' | 'pubsub'): Promise<void> {
  const ours = new Set(crew.slots.flatMap(each => each.redis.farPorts()))
  const list = String(await redis.client.call('CLIENT', 'LIST', 'TYPE', type))
  const ids = list.split('\n').flatMap(line => {
    const port = Number(/ addr=[^ ]*:(\d+) /.exec(line)?.[1])
    return ours.has(port) ? [/id=(\d+)/.exec(line)![1]!] : []
  })
  await Promise.all(ids.map(id => redis.client.client('KILL', 'ID', id)))
}

async function shut(scene: Scene, slot: Slot, state: 'cut' | 'stalled', lengthMs: number): Promise<void> {
  const what = `redis line ${state}`
  // Redis' own restart cuts all lines and opens them again: one of the two at a time.
  while (scene.isRedisBusy) await Bun.sleep(20)
  slot.isLineShut = true
  // Who is leaving has the same line as its successor.
  const whose = scene.crew.members
    .filter(
      ({ name, child }) =>
        name.startsWith(`${slot.role}-${slot.index}#`) &&
        child.exitCode === null &&
        child.signalCode === null,
    )
    .map(({ name }) => scene.troubles.begin({ who: name, what, fromMs: Date.now(), afterMs: RECONNECT_MS }))
  slot.redis.set(state)
  await Bun.sleep(lengthMs)
  slot.redis.set('open')
  slot.isLineShut = false
  for (const trouble of whose) scene.troubles.end(trouble)
}

async function kill(scene: Scene, slot: Slot, fault: PlannedFault, ledger: FaultLedger): Promise<void> {
  const { member } = slot
  member.state = 'gone'
  ledger.downfalls.push(await noteCalls(scene, slot))
  scene.troubles.begin({ who: member.name, what: fault.kind, fromMs: Date.now(), afterMs: 0 })
  member.child.kill('SIGKILL')
  await member.exited
  await Bun.sleep(seconds(fault, 0.1, 2.5))
  await scene.crew.fill(slot)
}

async function pause(scene: Scene, slot: Slot, fault: PlannedFault, ledger: FaultLedger): Promise<void> {
  const { member } = slot
  member.state = 'paused'
  ledger.downfalls.push(await noteCalls(scene, slot))
  const who = member.name
  const trouble = scene.troubles.begin({ who, what: fault.kind, fromMs: Date.now(), afterMs: RECONNECT_MS })
  member.child.kill('SIGSTOP')
  // Most pauses are short, some last: squared.
  await Bun.sleep(seconds({ ...fault, length: fault.length ** 2 }, 0.5, 10))
  member.child.kill('SIGCONT')
  scene.troubles.end(trouble)
  member.state = 'up'
}

/** As a rolling update does it: the successor starts while the leaver hands over. */
async function terminate(scene: Scene, slot: Slot, ledger: FaultLedger): Promise<void> {
  const { member } = slot
  member.state = 'gone'
  const trouble = scene.troubles.begin({
    who: member.name,
    what: 'terminated',
    fromMs: Date.now(),
    afterMs: 0,
  })
  member.child.kill('SIGTERM')
  const exit = Promise.race([member.exited, Bun.sleep(EXIT_TIMEOUT_MS).then(() => 'never' as const)])
  await scene.crew.fill(slot)
  void exit.then(code => {
    scene.troubles.end(trouble)
    if (code !== 0) ledger.badExits.push(`${member.name} ended with ${code} after SIGTERM`)
  })
}

/** The calls that the slot's process has now, and the time. */
async function noteCalls(scene: Scene, { role, member }: Slot): Promise<Downfall> {
  const who = member.name
  if (role === 'front' || scene.isRedisBusy) return { who, atMs: Date.now(), dialIds: [] }
  const { client } = scene.redis
  const agents = (await client.smembers('hookswitch:agents')).filter(each => each.includes(`-${member.pid}-`))
  const owned = await Promise.all(agents.map(agent => client.smembers(`hookswitch:owned:${agent}`)))
  return { who, atMs: Date.now(), dialIds: owned.flat() }
}

async function misbehave(
  { remote }: SwitchPlace,
  how: Parameters<SwitchPlace['remote']['set']>[0],
  lengthMs: number,
): Promise<void> {
  await remote.set(how)
  await Bun.sleep(lengthMs)
  await remote.set({
    silent: false,
    replyDelayMs: 0,
    jobDelayMs: 0,
    jobsFirst: false,
    loseOriginates: false,
    loseJobs: false,
  })
}
