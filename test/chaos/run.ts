// One run from its beginning to its verdict: opens the scene, lets traffic and faults loose on it, heals everything,
// waits until the last call has ended, and has all that was recorded judged.

import { startCallTraffic } from './callTraffic.ts'
import type { Evidence, Figure, Finding } from './evidence.ts'
import { carryOut } from './faults.ts'
import { judgeCalls } from './judgeCalls.ts'
import { judgeControls } from './judgeControls.ts'
import { judgeLeftovers, judgeResources, judgeTakeovers } from './judgeRest.ts'
import { judgeSleepers } from './judgeSleepers.ts'
import { judgeWakes } from './judgeWakes.ts'
import type { ChaosPlan } from './plan.ts'
import { resourcesOf } from './processes.ts'
import { recordsOf, untilQuiet, untilReady } from './quiet.ts'
import { openScene, type Scene } from './scene.ts'
import { createSleeperTraffic } from './sleeperTraffic.ts'
import { MACHINE, RECONNECT_MS, type Troubles } from './troubles.ts'
import { createWakeTraffic } from './wakeTraffic.ts'

export interface Verdict {
  findings: Finding[]
  figures: Figure[]
  faults: [kind: string, count: number][]
  isClean: boolean
  evidence: Evidence
}

const SAMPLE_MS = 3_000
const NEWS_MS = 15_000

export async function runChaos(plan: ChaosPlan): Promise<Verdict> {
  const { say } = plan
  // The traffic exists before the scene that reports to it.
  let hear: ReturnType<typeof startCallTraffic>['hear'] = () => undefined
  let scene: Scene | undefined
  const wakeTraffic = createWakeTraffic(plan, () => scene!.crew)
  const sleeperTraffic = createSleeperTraffic(plan, () => scene!)
  scene = await openScene(plan, {
    onMessage: (channel, message) => hear(channel, message),
    onLine: (line, member) => {
      wakeTraffic.onLine(line, member)
      sleeperTraffic.onLine(line, member)
    },
  })
  const { crew, troubles, ear, redis } = scene
  try {
    await wakeTraffic.register()
    await untilReady(scene)
    await sleeperTraffic.register()
    const samples: Evidence['samples'] = []
    const longLived = [crew.of('agent')[0]!.member, crew.of('front')[0]!.member]
    const sample = () => {
      for (const { name, pid } of longLived) samples.push({ name, atMs: Date.now(), ...resourcesOf(pid) })
    }
    sample()
    const sampler = setInterval(sample, SAMPLE_MS)
    const endWatch = watchMachine(troubles)

    const beganAtMs = Date.now()
    const callTraffic = startCallTraffic(plan, redis.port)
    hear = callTraffic.hear
    wakeTraffic.start()
    sleeperTraffic.start(callTraffic)
    const news = setInterval(
      () =>
        say(
          `${Math.round((Date.now() - beganAtMs) / 1_000)} s: ${callTraffic.jobs.length} jobs, ${troubles.all.length} faults`,
        ),
      NEWS_MS,
    )
    const ledger = await carryOut(scene, plan.faults, beganAtMs)
    await Bun.sleep(Math.max(0, beganAtMs + plan.seconds * 1_000 - Date.now()))
    say('healed; waiting for the last calls to end')
    callTraffic.stop()
    await Promise.all([wakeTraffic.stop(), sleeperTraffic.stop()])
    const leftovers = await untilQuiet(scene)
    clearInterval(news)
    clearInterval(sampler)
    endWatch()
    sample()

    const letters = ['talkiq-asp.calls:dead', 'talkiq-bot.calls:dead']
    const evidence: Evidence = {
      plan,
      beganAtMs,
      jobs: callTraffic.jobs,
      controls: callTraffic.controls,
      wakes: wakeTraffic.wakes,
      sleepers: sleeperTraffic,
      heard: ear.heard,
      records: await recordsOf(scene),
      log: crew.log,
      members: crew.members,
      memberOfAgent: crew.memberOfAgent,
      troubles,
      ledger,
      deadLetters: (await Promise.all(letters.map(list => redis.client.lrange(list, 0, -1)))).flat(),
      leftovers,
      samples,
    }
    return judge(evidence)
  } finally {
    await scene.close()
  }
}

/** A machine that gives no time to anybody is a fault of its own, which nobody planned: noted like the others. */
function watchMachine(troubles: Troubles): () => void {
  let lastMs = Date.now()
  const timer = setInterval(() => {
    const nowMs = Date.now()
    if (nowMs - lastMs > STANDSTILL_MS) {
      const what = `stood still for ${nowMs - lastMs} ms`
      troubles.end(troubles.begin({ who: MACHINE, what, fromMs: lastMs, afterMs: RECONNECT_MS }))
    }
    lastMs = nowMs
  }, STANDSTILL_MS / 10)
  return () => clearInterval(timer)
}

/** Shorter ones are everyday on a busy machine, and everything here allows for them. */
const STANDSTILL_MS = 500

function judge(evidence: Evidence): Verdict {
  const judgements = [
    judgeCalls,
    judgeControls,
    judgeWakes,
    judgeSleepers,
    judgeLeftovers,
    judgeResources,
    judgeTakeovers,
  ].map(each => each(evidence))
  const findings = judgements.flatMap(each => each.findings)
  return {
    findings,
    figures: judgements.flatMap(each => each.figures),
    faults: [...evidence.ledger.counts].sort(),
    isClean: findings.every(each => each.offenders.length === 0),
    evidence,
  }
}
