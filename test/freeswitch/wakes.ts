// Phones that sleep, at a real switch and behind a real Kamailio, with Apple and Google as strict as they are: each phone
// registers over TCP, says how it is pushed and closes its connection; a call wakes it by push, it registers again, is
// rung, and talks. By three doors, in six situations each. Runs inside the vendors' namespace: see suite.ts.
import { afterAll, afterEach, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { refuses as toldNo } from '../harness/client.ts'
import { eventually } from '../harness/internal.ts'
import type { TestService } from '../harness/service.ts'
import { TEST_TOPIC } from '../push/appCredentials.ts'
import {
  answerAsGiven,
  type Platform,
  type Push,
  type Phone as PushedPhone,
  type ServiceRig,
  startServiceRig,
} from '../push/insideNamespace/serviceRig.ts'
import { expectHearing, hearingTable } from './hearing.ts'
import { SleepingPhone, type SleepingPhoneOptions } from './sleepingPhone.ts'
import { HERTZ } from './testbed.ts'
import { type Door, doors, type RingingCall } from './wakeDoors.ts'

setDefaultTimeout(60_000)

/** A wait that no busy machine outlasts, and one whose end a test waits for. */
const PATIENT = { APP_PUSH_ROUNDTRIP_WAIT: '25000', APP_PUSH_RESEND_INTERVAL: '60000' }
const HASTY = { APP_PUSH_ROUNDTRIP_WAIT: '1500', APP_PUSH_RESEND_INTERVAL: '60000' }

/** Pushes again after another hookswitch has taken over. */
const RESENDING = { APP_PUSH_ROUNDTRIP_WAIT: '40000', APP_PUSH_RESEND_INTERVAL: '2000' }

/** Users that the switch's directory has. */
let nextAccount = 1_000

afterAll(() => console.log(`\nWho hears whom:\n${hearingTable()}\n`))

for (const door of doors) {
  describe(`a phone that sleeps, called by ${door.name},`, () => {
    const reason = door.whyNot()
    if (reason !== undefined) {
      test.skip(`is not tested: ${reason}`, () => undefined)
      return
    }
    table(door)
  })
}

interface Woken {
  pushed: PushedPhone
  phone: SleepingPhone
}

const isCall = (push: Push): boolean => push.type === 'call'
const isCancel = (push: Push): boolean => push.type === 'cancel'

function table(door: Door): void {
  /** Of its own: Apple takes two provider tokens in twenty minutes, and each hookswitch that pushes there makes one. */
  let rig: ServiceRig
  let opened: Awaited<ReturnType<Door['open']>>
  /** What runs behind the door, and with which settings. */
  let running: { service: TestService; settings: Record<string, string> } | undefined
  let phones: SleepingPhone[] = []
  let account = ''
  beforeAll(async () => {
    rig = await startServiceRig({})
    opened = await door.open(rig)
  })
  afterAll(async () => {
    await opened.close()
    await rig.close()
  })
  afterEach(async () => {
    await Promise.all(phones.map(phone => phone.leave()))
    await opened.untilQuiet()
    phones = []
  })

  const start = (settings: Record<string, string>) => rig.start({ ...opened.settings, ...settings })

  /** The one that runs already serves, if it has these settings. */
  async function hookswitch(settings: Record<string, string>): Promise<TestService> {
    if (running?.settings === settings) return running.service
    await running?.service.stop()
    running = { service: await start(settings), settings }
    return running.service
  }

  /** In the middle of whatever it does. */
  async function killHookswitch(): Promise<void> {
    await running?.service.kill()
    running = undefined
  }

  function phone(parameters: string, more: Partial<SleepingPhoneOptions> = {}): SleepingPhone {
    const made = new SleepingPhone({
      account,
      registrar: opened.registrar,
      parameters,
      hertz: HERTZ.B,
      ...more,
    })
    phones.push(made)
    return made
  }

  /** Phones of one new account, which have registered and sleep, and the service that will wake them. */
  async function asleep(
    platforms: Platform[],
    settings: Record<string, string> = PATIENT,
    more: Partial<SleepingPhoneOptions> = {},
  ): Promise<{ service: TestService; sleepers: Woken[] }> {
    account = String(nextAccount++)
    const service = await hookswitch(settings)
    const sleepers = platforms.map((platform): Woken => {
      const pushed = rig.newPhone(platform, account)
      return { pushed, phone: phone(parametersOf(pushed), more) }
    })
    for (const sleeper of sleepers) {
      await sleeper.phone.register()
      sleeper.phone.sleep()
    }
    await eventually('the devices', async () => {
      const response = await fetch(`${service.internalUrl}/api/devices/${account}`)
      const { devices } = (await response.json()) as { devices?: unknown[] }
      return devices?.length === platforms.length
    })
    return { service, sleepers }
  }

  async function talk(ringing: RingingCall, phone: SleepingPhone): Promise<void> {
    const B = await phone.rung()
    await expectHearing(`${door.name}: talk`, { A: ringing, B }, { A: ['B'], B: ['A'] })
    B.hangUp()
    await ringing.over()
  }

  test.each(['apns', 'android'] as const)('wakes by %s, registers, rings, and talks', async platform => {
    const {
      sleepers: [sleeper],
    } = await asleep([platform])
    const ringing = await opened.call(account)
    await ringing.rings()
    await rig.push(sleeper!.pushed, isCall)
    await sleeper!.phone.register()
    await talk(ringing, sleeper!.phone)
  })

  test('wakes and refuses the call: the caller is told', async () => {
    const {
      sleepers: [sleeper],
    } = await asleep(['android'], PATIENT, { plan: { kind: 'refuses', status: 603 } })
    const ringing = await opened.call(account)
    await rig.push(sleeper!.pushed, isCall)
    await sleeper!.phone.register()
    expect(await ringing.unanswered()).toBe(door.told.refused)
    expect(sleeper!.phone.timesRung).toBe(1)
  })

  test('is told of a caller who leaves early, and does not ring', async () => {
    const {
      service,
      sleepers: [sleeper],
    } = await asleep(['android'])
    const ringing = await opened.call(account)
    await ringing.rings()
    const push = await rig.push(sleeper!.pushed, isCall)
    await ringing.leave()
    await rig.push(sleeper!.pushed, isCancel)
    await sleeper!.phone.register()
    expect(await answerAsGiven(push)).toEqual(toldNo('ended'))
    expect(sleeper!.phone.timesRung).toBe(0)
    const log = service.log.filter(
      line => line.msg === 'phone answered by REGISTER' && line.callId === push.call_id,
    )
    expect(log.filter(line => line.verdict === 'proceed')).toEqual([])
  })

  test('is one of two that are pushed: the first to register talks, the other is told', async () => {
    const {
      sleepers: [apple, google],
    } = await asleep(['apns', 'android'])
    const ringing = await opened.call(account)
    await Promise.all([rig.push(apple!.pushed, isCall), rig.push(google!.pushed, isCall)])
    await apple!.phone.register()
    const cancel = await rig.push(google!.pushed, isCancel)
    expect(cancel.reason).toBe('answered_elsewhere')
    await talk(ringing, apple!.phone)
    expect(google!.phone.timesRung).toBe(0)
  })

  if (door.survives === 'a phone that is awake rings')
    test('survives that hookswitch is killed in the middle: a phone that is awake rings', async () => {
      const {
        sleepers: [sleeper],
      } = await asleep(['android'])
      const desk = phone('')
      await desk.register()
      const ringing = await opened.call(account)
      await rig.push(sleeper!.pushed, isCall)
      await killHookswitch()
      await talk(ringing, desk)
    })
  else
    test('survives that hookswitch is killed in the middle: another one goes on', async () => {
      const {
        sleepers: [sleeper],
      } = await asleep(['android'], RESENDING)
      const ringing = await opened.call(account)
      await rig.push(sleeper!.pushed, isCall)
      const survivor = await start(RESENDING)
      const pushesBefore = rig.pushesTo(sleeper!.pushed).length
      await killHookswitch()
      running = { service: survivor, settings: RESENDING }
      void registerAtEachPush(sleeper!, pushesBefore)
      await talk(ringing, sleeper!.phone)
    })

  test('and stays silent: the caller is told', async () => {
    const {
      sleepers: [sleeper],
    } = await asleep(['android'], HASTY)
    const ringing = await opened.call(account)
    await rig.push(sleeper!.pushed, isCall)
    expect(await ringing.unanswered()).toBe(door.told.silent)
    expect(sleeper!.phone.timesRung).toBe(0)
  })

  /** As an app does. Whether the survivor hears REGISTERs already when its first push arrives is not said. */
  async function registerAtEachPush({ pushed, phone }: Woken, pushesBefore: number): Promise<void> {
    for (let nth = pushesBefore + 1; phone.timesRung === 0; nth += 1) {
      await rig.push(pushed, isCall, nth)
      if (phone.timesRung === 0) await phone.register()
    }
  }
}

/** What a phone says of its pushes, percent-encoded as phones do (RFC 8599). */
function parametersOf({ platform, token }: PushedPhone): string {
  return platform === 'apns'
    ? `pn-provider=apns;pn-param=TEAM123456.${TEST_TOPIC};pn-prid=${token}%3Avoip`
    : `pn-provider=fcm;pn-param=example-phone;pn-prid=${token}`
}
