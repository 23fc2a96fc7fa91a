// Measures the doors of a wake side by side, each figure as a ratio within one run: FreeSWITCH's dialplan beside HTTP, and
// a REGISTER that a switch tells of beside an app's confirmation. `bun bench/doors/main.ts [push|confirm|memory|refresh]`
// runs one part, or all; needs redis-server on the PATH. The switch is the tests' own, in this process.
import { startRedis } from '../../test/harness/redis.ts'
import { measureConfirm } from './confirm.ts'
import { measureMemory } from './memory.ts'
import { measurePush } from './push.ts'
import { measureRefresh } from './refresh.ts'

const PARTS = { push: measurePush, confirm: measureConfirm, memory: measureMemory, refresh: measureRefresh }

const asked = process.argv.slice(2)
const strange = asked.filter(name => !Object.hasOwn(PARTS, name))
if (strange.length > 0) throw new Error(`no such part: ${strange.join(', ')}`)

for (const [name, measure] of Object.entries(PARTS)) {
  if (asked.length > 0 && !asked.includes(name)) continue
  const redis = await startRedis()
  try {
    console.log(await measure(redis))
  } finally {
    await redis.close()
  }
}
process.exit(0)
