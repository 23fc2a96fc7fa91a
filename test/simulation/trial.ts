// Tries one seed: runs it and judges it. What was thrown past everybody, into the runtime itself, is a finding too.
import { type Finding, judge } from './checkers/all.ts'
import type { Evidence } from './world/evidence.ts'
import { stackOf } from './world/log.ts'
import type { Plan } from './world/plan.ts'
import { run } from './world/run.ts'

export interface Trial {
  evidence: Evidence
  findings: Finding[]
}

const strays: string[] = []

/** Hears what nobody catches, for the rest of this process' life. */
export function hearStrays(): void {
  for (const event of ['unhandledRejection', 'uncaughtException'] as const)
    process.on(event, (thrown: unknown) => void strays.push(stackOf(thrown)))
}

export async function tryPlan(plan: Plan): Promise<Trial> {
  const evidence = run(plan)
  const findings = judge(evidence)
  // The runtime tells of rejections that nobody handles when it has a turn of its own.
  await new Promise(resolve => setImmediate(resolve))
  if (strays.length > 0)
    findings.push({
      promise: 'nothing is thrown past everybody',
      offenders: strays.splice(0).map(why => ({ about: 'runtime', why })),
    })
  return { evidence, findings }
}
