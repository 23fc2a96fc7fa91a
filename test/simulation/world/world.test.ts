// A whole world by its seed: Redis, switches and agents with everything that our code is, in one process. What hangs on it
// all is that a seed tells the whole run.
import { describe, expect, test } from 'bun:test'
import { takeOverRuntime } from '../machine/runtime.ts'
import { textOf } from './history.ts'
import { drawPlan } from './plan.ts'
import { run } from './run.ts'

takeOverRuntime()

const storyOf = (seed: number) => run(drawPlan(seed)).lines.map(line => `${line.atMs} ${textOf(line)}`)

describe('a seed', () => {
  test('gives the same history, line by line, whatever ran before it', () => {
    const first = storyOf(3)
    run(drawPlan(4))
    expect(storyOf(3)).toEqual(first)
    expect(first.length).toBeGreaterThan(200)
  })

  test('gives the same hash in another process', async () => {
    const child = Bun.spawn([process.execPath, `${import.meta.dir}/hashOfSeed.ts`, '5'], { stdout: 'pipe' })
    const told = (await new Response(child.stdout).text()).trim()
    expect(told).toBe(run(drawPlan(5)).hash)
  })
})

describe('a world in which nothing goes wrong', () => {
  test('makes all its calls and leaves nothing behind', () => {
    const { jobs, lines, leftovers } = run({ ...drawPlan(1), faults: [] })
    expect(leftovers).toEqual([])
    const ended = new Set(
      lines.flatMap(line =>
        line.kind === 'published' && ['hangup-event', 'failure'].includes(String(line.message.type))
          ? [line.channel]
          : [],
      ),
    )
    expect(jobs.filter(({ call }) => !ended.has(call.dialId))).toEqual([])
  })
})
