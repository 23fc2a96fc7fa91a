// One run of a plan: opens the world, lets traffic and faults happen, heals everything, waits until the last call has
// ended, and gathers what is to be judged.
import { ownedChannelsKey } from '../../../src/redis/keys.ts'
import { closeMachine } from '../machine/runtime.ts'
import { startBackend } from './backend.ts'
import { type Evidence, sortLines } from './evidence.ts'
import { scheduleFaults } from './faults.ts'
import { healedAtMs, orderedDialIdsOf, type Plan } from './plan.ts'
import { frontLivesOf, heal, livesOf, openWorld, type World } from './world.ts'

/** Calls that nobody ends are ended by their phones; then nothing may be left. */
const QUIET_LIMIT_MS = 90_000
const QUIET_LOOK_MS = 1_000

export function run(plan: Plan): Evidence {
  const world = openWorld(plan)
  const { schedule } = world.machine
  try {
    const backend = startBackend(world)
    const { all: troubles } = scheduleFaults(world)
    schedule.runUntil(healedAtMs(plan))
    heal(world)
    world.redis.endWatching()
    const leftovers = untilQuiet(world)
    return {
      plan,
      lines: world.history.lines,
      ...sortLines(world.history.lines),
      ...backend,
      requests: world.pbx?.requests ?? [],
      ends: world.pbx?.ends ?? [],
      pushes: world.phones?.pushes ?? [],
      answers: world.phones?.answers ?? [],
      followed: world.phones?.followed ?? [],
      wakeRecords: world.wakeRecords,
      deliveries: world.deliveries,
      visitors: world.visitors,
      owners: world.owners,
      troubles,
      leftovers,
      healedAtMs: healedAtMs(plan),
      endedAtMs: schedule.nowMs,
      hash: world.history.hash(),
      steps: schedule.steps,
    }
  } finally {
    closeMachine()
  }
}

function untilQuiet(world: World): string[] {
  const { schedule } = world.machine
  const limitMs = schedule.nowMs + QUIET_LIMIT_MS
  for (;;) {
    schedule.runUntil(schedule.nowMs + QUIET_LOOK_MS)
    for (const place of world.switches)
      place.do(testSwitch => {
        for (const { uuid } of testSwitch.channels()) testSwitch.hangup(uuid)
      })
    const left = leftoversOf(world)
    if (left.length === 0 || schedule.nowMs > limitMs) return left
  }
}

/** Who there is, and what people are to read: nothing that grows with the traffic. */
const MAY_STAY = /^(hookswitch:(devices:|jwt-secret$|agents$|pods$)|talkiq-[a-z]+\.calls:dead$)/
/** Whether it has an expiry or not. */
const MUST_GO = /^(hookswitch:(call|owned|in-flight|\{wake-requests\}$)|redswitch\.|talkiq-[a-z]+\.calls$)/

function leftoversOf(world: World): string[] {
  const { model } = world.redis
  // Of those that live.
  const names = new Set(livesOf(world).map(({ life }) => ownedChannelsKey(life.name)))
  const keys = model.db
    .keys()
    .filter(
      key => !MAY_STAY.test(key) && !names.has(key) && (MUST_GO.test(key) || model.db.leftMs(key) === -1),
    )
  const { calls: planned, extras } = world.plan
  const ofCalls = new Set([
    ...planned.map(({ dialId }) => dialId),
    ...extras.oddJobs.map(({ dialId }) => dialId ?? ''),
    ...orderedDialIdsOf(world.plan),
  ])
  const subscriptions = model.channels
    .filter(channel => ofCalls.has(channel))
    .map(each => `subscription ${each}`)
  const lives = livesOf(world)
  const calls = lives.flatMap(({ life }) => (life.calls > 0 ? [`${life.calls} calls of ${life.name}`] : []))
  const leaving = lives.filter(({ life }) => life.state === 'leaving').map(({ life }) => `agent ${life.name}`)
  const channels = world.switches.flatMap(({ testSwitch }) =>
    testSwitch.channels().map(each => `channel ${each.uuid}`),
  )
  const fronts = frontLivesOf(world).flatMap(({ name, rooms, state }) => [
    ...(state === 'leaving' ? [`front ${name}`] : []),
    ...(rooms && rooms.pool.size > 0 ? [`${rooms.pool.size} waits of ${name}`] : []),
    ...(rooms && rooms.verdicts.size > 0 ? [`${rooms.verdicts.size} verdict streams of ${name}`] : []),
  ])
  return [...keys, ...subscriptions, ...calls, ...leaving, ...channels, ...fronts]
}
