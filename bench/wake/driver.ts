// One target with its generator, as the measurement drives them: rounds are asked for, and figures come back. The
// generator is a process of its own; this file sends it orders and reads its replies.
import { join } from 'node:path'
import { assert } from '../../src/base/result.ts'
import type { Order, Reply } from './generator.ts'
import type { Observed } from './load.ts'
import { FILL_PER_SECOND, type Plan } from './plan.ts'
import { cpuMs, end, residentBytes } from './processes.ts'
import type { TargetKind } from './requests.ts'
import { HOLDER, type Target } from './targets.ts'

/** One round's figures. CPU time is that of the holding and the confirming process together, and that of Redis, each for
 *  one released request. */
export interface RoundFigures {
  p50Ms: number
  p99Ms: number
  releasedPerSecond: number
  cpuMsPerRelease: number
  redisCpuMsPerRelease: number
  refused: number
  lost: number
  missed: number
}

export interface Driver {
  target: Target
  /** Brings the held requests up to a number. */
  hold(count: number): Promise<void>
  /** Work that is not counted, so that the just-in-time compilers have compiled the code before the rounds. */
  warmUp(plan: Plan): Promise<void>
  steadyRound(plan: Plan): Promise<RoundFigures>
  rateRound(plan: Plan, atOnce: number): Promise<RoundFigures>
  /** Resident memory of the holding process, bytes: the median of several samples, after quiet time. */
  memory(plan: Plan): Promise<number>
  close(): Promise<void>
}

/** More than each releases on the machines this ran on: calls are made beforehand, and what is left over serves the
 *  next round. A token takes the longest to make. */
const RATE_MAX_PER_SECOND: Record<TargetKind, number> = {
  hookswitch: 20_000,
  before: 20_000,
  floor: 60_000,
  nchan: 60_000,
}

export async function openDriver(target: Target): Promise<Driver> {
  const replies: ((reply: Reply) => void)[] = []
  const generator = Bun.spawn([process.execPath, join(import.meta.dir, 'generator.ts')], {
    stdout: 'inherit',
    stderr: 'inherit',
    ipc: (reply: Reply) => replies.shift()?.(reply),
    onExit: (_child, code) => {
      for (const fail of replies.splice(0)) fail({ kind: 'failed', reason: `exited with ${code}` })
    },
  })

  async function ask(order: Order): Promise<Observed | undefined> {
    const { promise, resolve } = Promise.withResolvers<Reply>()
    replies.push(resolve)
    generator.send(order)
    const reply = await promise
    if (reply.kind === 'failed') throw new Error(`${target.kind}: ${reply.reason}`)
    return reply.observed
  }

  async function round(order: Order): Promise<RoundFigures> {
    const ownCpu = () => cpuMs(target.holder) + cpuMs(target.releaser)
    const [cpuBefore, redisBefore] = [ownCpu(), cpuMs(target.redis)]
    const observed = await ask(order)
    assert(observed && observed.released > 0, `${target.kind} released nothing in a round`)
    const [cpu, redisCpu] = [ownCpu() - cpuBefore, cpuMs(target.redis) - redisBefore]
    const { latenciesMs, released, seconds, refused, lost, missed } = observed
    latenciesMs.sort((one, other) => one - other)
    const at = (part: number) => latenciesMs[Math.floor((latenciesMs.length - 1) * part)]!
    const leadIn = order.kind === 'steady' || order.kind === 'flat-out' ? order.leadInSeconds : 0
    // The lead-in ran at the same rate, and its CPU time is in the sums.
    const releases = (released / seconds) * (seconds + leadIn)
    return {
      p50Ms: at(0.5),
      p99Ms: at(0.99),
      releasedPerSecond: released / seconds,
      cpuMsPerRelease: cpu / releases,
      redisCpuMsPerRelease: redisCpu / releases,
      refused,
      lost,
      missed,
    }
  }

  const { kind, holdPort, releasePort, redisPort } = target
  await ask({ kind: 'open', target: { kind, holdPort, releasePort, redisPort }, holder: HOLDER })

  return {
    target,
    async hold(count) {
      await ask({ kind: 'prepare', calls: count })
      await ask({ kind: 'hold', count, perSecond: FILL_PER_SECOND })
    },
    async warmUp({ releasesAtOnce: [atOnce], warmUpSeconds }) {
      await ask({ kind: 'prepare', calls: RATE_MAX_PER_SECOND[kind] * warmUpSeconds })
      await ask({ kind: 'flat-out', atOnce, leadInSeconds: 0, seconds: warmUpSeconds })
    },
    async steadyRound({ ratePerSecond, leadInSeconds, roundSeconds }) {
      const seconds = roundSeconds + leadInSeconds
      await ask({ kind: 'prepare', calls: ratePerSecond * (seconds + 1) })
      return round({ kind: 'steady', perSecond: ratePerSecond, leadInSeconds, seconds: roundSeconds })
    },
    async rateRound({ leadInSeconds, roundSeconds }, atOnce) {
      await ask({ kind: 'prepare', calls: RATE_MAX_PER_SECOND[kind] * (roundSeconds + leadInSeconds) })
      return round({ kind: 'flat-out', atOnce, leadInSeconds, seconds: roundSeconds })
    },
    async memory({ settleSeconds, memorySamples, memorySampleIntervalMs }) {
      await Bun.sleep(settleSeconds * 1_000)
      const samples: number[] = []
      for (let sample = 0; sample < memorySamples; sample++) {
        samples.push(residentBytes(target.holder))
        await Bun.sleep(memorySampleIntervalMs)
      }
      return samples.sort((one, other) => one - other)[Math.floor(samples.length / 2)]!
    },
    async close() {
      await end(generator)
      await target.close()
    },
  }
}
