// The doors by which a call comes to a phone that sleeps: FreeSWITCH's dialplan by its socket, a Kamailio that posts what
// registers, and a job that names an account. Each gives the settings of a hookswitch behind it and calls an account; who
// is woken, and by what push, is the test's business.
import { expect } from 'bun:test'
import { eventually } from '../harness/internal.ts'
import { freePort } from '../harness/redis.ts'
import type { ServiceRig } from '../push/insideNamespace/serviceRig.ts'
import { aspJob, type Job } from './call.ts'
import { Caller } from './caller.ts'
import { expectHearing } from './hearing.ts'
import { startKamailio, whyNoKamailio } from './kamailio.ts'
import { type Line, openLines } from './line.ts'
import type { PhoneLeg } from './phoneLeg.ts'
import { openPhones } from './phones.ts'
import {
  addressOf,
  ESL_PASSWORD,
  ESL_URL,
  GATEWAY,
  openProbe,
  PHONES_ADDRESS,
  REGISTRAR,
} from './settings.ts'
import { HERTZ } from './testbed.ts'

export interface Door {
  name: string
  /** Why it can't be tried here. */
  whyNot(): string | undefined
  open(rig: ServiceRig): Promise<OpenDoor>
  /** What the caller is told when the phone does not wake, and when it refuses the call. */
  told: { silent: string; refused: string }
  /** What goes on when hookswitch is killed while the phone is woken. */
  survives: 'a phone that is awake rings' | 'another one goes on'
}

export interface OpenDoor {
  /** Where the phones register. */
  registrar: { host: string; port: number }
  /** Of a hookswitch behind it. */
  settings: Record<string, string>
  call(account: string): Promise<RingingCall>
  /** Resolves when nothing is left of the calls that were made. */
  untilQuiet(): Promise<void>
  close(): Promise<void>
}

/** A call to an account, from the caller's side. */
export interface RingingCall {
  /** Resolves when the caller hears that it rings. */
  rings(): Promise<void>
  hear(lengthMs: number): Promise<Float32Array>
  leave(): Promise<void>
  /** How the caller is told that nobody answers. */
  unanswered(): Promise<string>
  /** Resolves when the phone's hanging up has reached the caller. */
  over(): Promise<void>
}

/** What the documents' dialplan has, and test/freeswitch/switch. */
const DIALPLAN_SOCKET_PORT = 8_084

const registrar = addressOf(REGISTRAR, 5_060)
const atSwitch = { ROLE: 'all', ESL_URL, ESL_PASSWORD }
const whyNoRegistrar = () => (REGISTRAR === '' ? 'FREESWITCH_REGISTRAR is not set' : undefined)

/** Calls that come in by SIP. */
function sipCalls(proxy: { host: string; port: number }) {
  const callers: Caller[] = []
  return {
    async call(number: string): Promise<RingingCall> {
      const caller = await Caller.call({ proxy, number, hertz: HERTZ.A })
      callers.push(caller)
      return {
        rings: () => caller.rings,
        hear: lengthMs => caller.hear(lengthMs),
        leave: async () => expect(await caller.leave()).toBe(487),
        unanswered: async () => String(await caller.finalStatus),
        over: () => caller.ended,
      }
    },
    close(): void {
      for (const caller of callers.splice(0)) caller.close()
    },
  }
}

/** Looks after the switch's channels: what was there before a call is not the call's. */
async function channelsOfSwitch() {
  const probe = (await openProbe())!
  const count = async () => Number.parseInt((await probe.ask('show channels count')).trim(), 10)
  let before = 0
  return {
    async noteBefore() {
      before = await count()
    },
    untilGone: () => eventually('an end of the calls at the switch', async () => (await count()) <= before),
    close: () => probe.close(),
  }
}

const dialplan: Door = {
  name: 'the dialplan’s socket',
  whyNot: whyNoRegistrar,
  // NORMAL_TEMPORARY_FAILURE: the binding of a phone that sleeps leads nowhere.
  told: { silent: '503', refused: '603' },
  survives: 'a phone that is awake rings',
  async open() {
    const calls = sipCalls(registrar)
    const channels = await channelsOfSwitch()
    return {
      registrar,
      settings: { ...atSwitch, SOCKET_PORT: String(DIALPLAN_SOCKET_PORT) },
      async call(account) {
        await channels.noteBefore()
        return calls.call(account)
      },
      async untilQuiet() {
        calls.close()
        await channels.untilGone()
      },
      close: async () => channels.close(),
    }
  },
}

const TOKEN = 'a-secret-of-the-proxy'

const kamailio: Door = {
  name: 'Kamailio',
  whyNot: whyNoKamailio,
  told: { silent: '480', refused: '603' },
  survives: 'a phone that is awake rings',
  async open() {
    const port = String(await freePort())
    const url = `http://127.0.0.1:${port}`
    const proxy = await startKamailio({ url, token: TOKEN })
    const calls = sipCalls(proxy)
    return {
      registrar: proxy,
      settings: { ROLE: 'front', PORT: port, APP_API_URL: url, PBX_TOKEN: TOKEN },
      call: calls.call,
      untilQuiet: async () => calls.close(),
      close: async () => proxy[Symbol.asyncDispose](),
    }
  },
}

const job: Door = {
  name: 'a job',
  whyNot: whyNoRegistrar,
  told: { silent: 'SUBSCRIBER_ABSENT', refused: 'CALL_REJECTED' },
  survives: 'another one goes on',
  async open({ redis }) {
    const lines = openLines(redis.port)
    const phones = await openPhones(PHONES_ADDRESS)
    const channels = await channelsOfSwitch()
    return {
      registrar,
      settings: { ...atSwitch, GATEWAY, ACCOUNT_DIAL: `user@${registrar.host}` },
      async call(account) {
        await channels.noteBefore()
        const caller = phones.add({ hertz: HERTZ.A })
        const { callee_number: _, ...job } = aspJob(caller.number, '', { callee_account: account })
        const line = await lines.open(job.dial_id)
        await redis.client.rpush('talkiq-asp.calls', JSON.stringify(job as Job))
        return ofJob(line, await caller.rung())
      },
      async untilQuiet() {
        await lines.closeAll()
        await channels.untilGone()
      },
      async close() {
        lines.close()
        channels.close()
        await phones.close()
      },
    }
  },
}

const ofJob = (line: Line, A: PhoneLeg): RingingCall => ({
  rings: () => expectHearing('a job: B is woken', { A }, { A: ['ring'] }),
  hear: lengthMs => A.hear(lengthMs),
  async leave() {
    A.hangUp()
    await line.heard({ type: 'hangup-event', side: '0' })
  },
  unanswered: async () => String((await line.heard({ type: 'hangup-event', side: '1' })).cause),
  async over() {
    expect(await A.ended).toBe('hung-up')
  },
})

export const doors: readonly Door[] = [dialplan, kamailio, job]
