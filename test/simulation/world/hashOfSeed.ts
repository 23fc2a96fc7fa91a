// Prints the hash of one seed's history, for the test that two processes agree on it.
import { takeOverRuntime } from '../machine/runtime.ts'
import { drawPlan } from './plan.ts'
import { run } from './run.ts'

takeOverRuntime()
console.log(run(drawPlan(Number(process.argv[2]))).hash)
