// The suite against a real FreeSWITCH: `npm run test:freeswitch`, with the settings that settings.ts names. Its files
// are no `*.test.ts`, so `npm test` leaves them alone. Where no switch answers it says so and skips everything.
import { afterAll, afterEach, beforeAll, describe, setDefaultTimeout } from 'bun:test'
import { audioTests } from './audio.ts'
import { botTests } from './bots.ts'
import { controlTests } from './controls.ts'
import { hearingTable } from './hearing.ts'
import { outcomeTests } from './outcomes.ts'
import { reachSwitch } from './settings.ts'
import { openTestbed, type Testbed } from './testbed.ts'

/** The longest test waits for a ring time to pass; a failing one waits for what never comes. */
setDefaultTimeout(30_000)

const reached = await reachSwitch()
if (reached.kind === 'absent')
  console.log(`The tests against a real FreeSWITCH are skipped: ${reached.reason}.`)
const gateways = reached.kind === 'reached' ? reached.gateways : new Set<string>()

describe.skipIf(reached.kind === 'absent')('at a real FreeSWITCH', () => {
  let opened: Testbed | undefined
  const bed = (): Testbed => {
    if (!opened) throw new Error('the testbed did not open')
    return opened
  }
  beforeAll(async () => {
    opened = await openTestbed()
  })
  afterEach(() => bed().untilEmpty())
  afterAll(async () => opened?.close())

  describe('an asp-call', () => outcomeTests(bed, gateways))
  describe('a control message', () => controlTests(bed))
  describe('a bot call', () => botTests(bed))
  describe('by ear', () => {
    audioTests(bed)
    afterAll(() => console.log(`\nWho hears whom:\n${hearingTable()}\n`))
  })
})
