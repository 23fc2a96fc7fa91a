// The suite against a real FreeSWITCH: `npm run test:freeswitch`, with the settings that settings.ts names. Its files
// are no `*.test.ts`, so `npm test` leaves them alone. Where no switch answers it says so and skips everything.
import { afterAll, afterEach, beforeAll, describe, setDefaultTimeout, test } from 'bun:test'
import { expectTestsPassInVendorNamespace } from '../push/vendorNames.ts'
import { accountTests } from './accounts.ts'
import { audioTests } from './audio.ts'
import { botTests } from './bots.ts'
import { channelSocketTests } from './channelSocket.ts'
import { controlTests } from './controls.ts'
import { dialplanTests } from './dialplan.ts'
import { doctorTests } from './doctor.ts'
import { hearingTable } from './hearing.ts'
import { outcomeTests } from './outcomes.ts'
import { registrationTests } from './registrations.ts'
import { GATEWAY, reachSwitch } from './settings.ts'
import { openTestbed, type Testbed } from './testbed.ts'

/** The longest test waits for a ring time to pass; a failing one waits for what never comes. */
setDefaultTimeout(30_000)

const reached = await reachSwitch()

if (reached.kind === 'absent') {
  console.log(`The tests at a real FreeSWITCH are skipped: ${reached.reason}.`)
  test.skip(`at a real FreeSWITCH: ${reached.reason}`, () => undefined)
} else {
  // Before the suite's own phones open: those that sleep use the same address.
  await expectTestsPassInVendorNamespace('./test/freeswitch/wakes.ts', { isOnMachineNetwork: true })
  describe('at a real FreeSWITCH', () => suite(reached.gateways))
}

function suite(gateways: ReadonlySet<string>): void {
  let opened: Testbed | undefined
  const bed = (): Testbed => {
    if (!opened) throw new Error('the testbed did not open')
    return opened
  }
  beforeAll(async () => {
    if (!gateways.has(GATEWAY)) throw new Error(`the switch has no gateway ${GATEWAY}: set GATEWAY`)
    opened = await openTestbed()
  })
  afterEach(() => opened?.untilEmpty())
  afterAll(async () => {
    console.log(`\nWho hears whom:\n${hearingTable()}\n`)
    await opened?.close()
  })

  describe('an asp-call', () => outcomeTests(bed, gateways))
  describe('a control message', () => controlTests(bed))
  describe('a bot call', () => botTests(bed))
  describe("a channel's own socket", () => channelSocketTests(bed))
  describe('the dialplan', () => dialplanTests(bed))
  describe('a phone', () => registrationTests())
  describe('a job for an account', () => accountTests(bed))
  describe('by ear', () => audioTests(bed))
  describe('the doctor', doctorTests)
}
