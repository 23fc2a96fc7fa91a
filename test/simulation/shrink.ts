// Makes a failing plan smaller: leaves out faults, calls, messages and copies, as long as the same promise is still
// broken. A smaller plan is another world, in which chance falls otherwise: what does not fail again is put back.
import { type Finding, judge } from './checkers/all.ts'
import type { Plan, PlannedCall } from './world/plan.ts'
import { run } from './world/run.ts'

/** Runs that a shrinking may take. */
const RUNS_MAX = 120

export interface Shrunk {
  plan: Plan
  runs: number
}

export function shrink(plan: Plan, { promise }: Pick<Finding, 'promise'>): Shrunk {
  let runs = 0
  const fails = (smaller: Plan): boolean => {
    if (runs >= RUNS_MAX) return false
    runs += 1
    return judge(run(smaller)).some(each => each.promise === promise)
  }
  let least = plan
  const keep = <Item>(items: readonly Item[], planWith: (items: Item[]) => Plan): void => {
    shrinkList(items, fewer => {
      const smaller = planWith(fewer)
      if (!fails(smaller)) return false
      least = smaller
      return true
    })
  }
  keep(least.faults, faults => ({ ...least, faults }))
  keep(least.calls, calls => ({ ...least, calls }))
  keep(
    least.calls.flatMap(call => call.controls),
    controls => ({ ...least, calls: least.calls.map(call => withControls(call, controls)) }),
  )
  for (const kind of ['oddJobs', 'orders', 'strays', 'watched', 'redialled'] as const)
    keep<unknown>(least.extras[kind], fewer => ({ ...least, extras: { ...least.extras, [kind]: fewer } }))
  keep(least.wakes.wakes, wakes => ({ ...least, wakes: { ...least.wakes, wakes } }))
  keep(least.faults, faults => ({ ...least, faults }))
  return { plan: least, runs }
}

const withControls = (call: PlannedCall, controls: PlannedCall['controls']): PlannedCall => ({
  ...call,
  controls: call.controls.filter(each => controls.includes(each)),
})

/** Leaves out halves, quarters, … single items. @param stillFails with what is left. */
function shrinkList<Item>(items: readonly Item[], stillFails: (fewer: Item[]) => boolean): void {
  let kept = [...items]
  for (let size = Math.ceil(kept.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2))
    for (let at = 0; at < kept.length; ) {
      const fewer = [...kept.slice(0, at), ...kept.slice(at + size)]
      if (fewer.length < kept.length && stillFails(fewer)) kept = fewer
      else at += size
    }
}
