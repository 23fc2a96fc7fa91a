// What the suite needs to know of the switch, all of it from the environment, and whether there is a switch at all.
// The switch is the tester's own: it is never started, configured or stopped here.
//
//   ESL_URL                  host:port of its event socket. Not set, or nothing answers: the suite is skipped.
//   ESL_PASSWORD             default ClueCon
//   GATEWAY                  the gateway whose proxy is FREESWITCH_PHONES; default talk_call_provider. It registers
//                            nowhere and has the login test/test.
//   FREESWITCH_PHONES        host:port where the suite's phones listen (UDP); default 127.0.0.1:5090
//   SIP_PROFILE              the profile that calls SIP URIs; default external
//   FREESWITCH_DEAD_GATEWAY  a gateway to a port where nobody listens; default downed
//   FREESWITCH_DOWN_GATEWAY  the same, pinged by the switch, which so knows it is down; default downed_pinged
//   FREESWITCH_REGISTRAR     host:port of a profile (UDP and TCP) that takes any REGISTER (`accept-blind-reg`) and keeps all phones
//                            of an account; its directory has the users 1000 to 1019, and calls to them go through `socket
//                            127.0.0.1:8084`, as docs/freeswitch-push.md has it; not set: phones don't register
//   FREESWITCH_SOUNDS        a directory that the suite writes and the switch reads; default the system's own
//
// test/freeswitch/switch is the configuration of a FreeSWITCH that has all of this. Phones that sleep are called through a
// Kamailio too, where one is on the PATH, and are pushed by stand-ins at Apple's and Google's names, for which the suite
// must be root. The tests of a dead or downed gateway are skipped where the switch has none. Calls are PCMU, at most 30 legs at once,
// and nobody else should use that gateway meanwhile.
import { tmpdir } from 'node:os'
import { openLog } from '../../src/base/log.ts'
import { asCommand } from '../../src/esl/command.ts'
import type { SwitchEvent } from '../../src/esl/event.ts'
import { SwitchLink } from '../../src/esl/link.ts'

const read = (name: string, fallback: string): string => process.env[name]?.trim() || fallback

export const ESL_URL = read('ESL_URL', '')
export const ESL_PASSWORD = read('ESL_PASSWORD', 'ClueCon')
export const GATEWAY = read('GATEWAY', 'talk_call_provider')
export const SIP_PROFILE = read('SIP_PROFILE', 'external')
export const PHONES_ADDRESS = addressOf(read('FREESWITCH_PHONES', '127.0.0.1:5090'), 5090)
export const DEAD_GATEWAY = read('FREESWITCH_DEAD_GATEWAY', 'downed')
export const DOWN_GATEWAY = read('FREESWITCH_DOWN_GATEWAY', 'downed_pinged')
export const REGISTRAR = read('FREESWITCH_REGISTRAR', '')
export const SOUNDS = read('FREESWITCH_SOUNDS', tmpdir())

export function addressOf(text: string, fallbackPort: number): { host: string; port: number } {
  const [host = '', port] = text.split(':')
  return { host, port: port === undefined ? fallbackPort : Number(port) }
}

/** A connection to the switch beside the product's, to look at what the product did. */
export interface SwitchProbe {
  coreUuid: string
  /** The answer to an api command, whatever it is. */
  ask(command: string): Promise<string>
  /** Keys that the switch heard, as `<channel uuid> <digit>`, in order. */
  readonly keys: readonly string[]
  /** Channels that were hung up, in the switch's order. */
  readonly hangups: readonly string[]
  close(): void
}

/** The switch, or why there is none to test against. */
export type Reached = { kind: 'reached'; gateways: ReadonlySet<string> } | { kind: 'absent'; reason: string }

const CONNECT_WITHIN_MS = 3_000

/** Looks whether a FreeSWITCH answers. @throws when one does and refuses the password: that is no reason to skip. */
export async function reachSwitch(): Promise<Reached> {
  if (ESL_URL === '')
    return { kind: 'absent', reason: 'ESL_URL names no FreeSWITCH (host:port of its event socket)' }
  const probe = await openProbe()
  if (!probe) return { kind: 'absent', reason: `no FreeSWITCH answers at ESL_URL (${ESL_URL})` }
  const gateways = new Set<string>()
  for (const name of [GATEWAY, DEAD_GATEWAY, DOWN_GATEWAY])
    if (!/invalid gateway/i.test(await probe.ask(`sofia status gateway ${name}`))) gateways.add(name)
  probe.close()
  return { kind: 'reached', gateways }
}

/** @returns undefined when nothing answers. */
export async function openProbe(): Promise<SwitchProbe | undefined> {
  const { host, port } = addressOf(ESL_URL, 8021)
  const keys: string[] = []
  const hangups: string[] = []
  const { promise: ready, resolve, reject } = Promise.withResolvers<string | undefined>()
  const link = new SwitchLink({
    host,
    port,
    password: ESL_PASSWORD,
    events: ['DTMF', 'CHANNEL_HANGUP'],
    filters: [],
    log: openLog({ level: 'silent', showsFullNumbers: false, isPretty: false }, 'probe'),
    random: Math.random,
    onReady: ({ coreUuid }) => resolve(coreUuid),
    onLost: () => undefined,
    onEvent: (event: SwitchEvent) => {
      const channelUuid = event.header('Unique-ID') ?? ''
      if (event.name === 'DTMF') keys.push(`${channelUuid} ${event.header('DTMF-Digit')}`)
      else hangups.push(channelUuid)
    },
  })
  link.start()
  const timer = setInterval(() => {
    if (link.state === 'waiting') resolve(undefined)
    if (link.state === 'refused') reject(new Error(`the switch at ESL_URL (${ESL_URL}) refuses ESL_PASSWORD`))
  }, 20)
  const limit = setTimeout(() => resolve(undefined), CONNECT_WITHIN_MS)
  const coreUuid = await ready.finally(() => {
    clearInterval(timer)
    clearTimeout(limit)
  })
  if (coreUuid === undefined) {
    link.close()
    return undefined
  }
  return {
    coreUuid,
    keys,
    hangups,
    close: () => link.close(),
    async ask(command) {
      const outcome = await link.api(asCommand(command))
      if (outcome.kind === 'ok' || outcome.kind === 'error') return outcome.text
      throw new Error(`the switch did not answer ${command}: ${outcome.kind}`)
    },
  }
}
