// The doctor's questions to a switch, at a real one: that it understands them, and that the answers are read right.
import { expect, test } from 'bun:test'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { readConfig } from '../../src/config/config.ts'
import { examineSwitch } from '../../src/esl/checkup.ts'
import { freePort } from '../harness/redis.ts'
import { ESL_PASSWORD, ESL_URL, GATEWAY, SIP_PROFILE } from './settings.ts'

export function doctorTests(): void {
  const config = readConfig({ ESL_URL })
  if (!config.ok) throw new Error(config.failure.join('\n'))
  const [{ host, port = config.value.eslPort } = { host: '', port: 0 }] = config.value.eslSwitches
  const examine = (more: {
    gateways?: string[]
    sipProfile?: string
    password?: string
    dialplanSocket?: { host: string; port: number }
  }) =>
    examineSwitch({
      host,
      port,
      password: more.password ?? ESL_PASSWORD,
      sipProfile: more.sipProfile ?? SIP_PROFILE,
      gateways: (more.gateways ?? [GATEWAY]).map(name => ({ name, setting: 'GATEWAY' })),
      callsPerSecond: 1,
      callsMax: 1,
      ...(more.dialplanSocket ? { dialplanSocket: more.dialplanSocket } : {}),
      clock: Date.now,
      limitMs: 5_000,
    })

  test('finds a switch that calls can be made on in good order', async () => {
    const { findings, coreUuid } = await examine({})
    expect(coreUuid).toMatch(/^[0-9a-f-]{36}$/)
    // Its password may be FreeSWITCH's own here.
    const troubles = findings.filter(each => each.level !== 'ok' && each.check !== 'switch password')
    expect(troubles).toEqual([])
    expect(new Set(findings.map(each => each.check))).toEqual(
      new Set([
        ...['switch connection', 'switch version', 'switch password', 'switch exposure', 'switch modules'],
        ...['switch gateway', 'switch limits', 'clock'],
      ]),
    )
  })

  test('finds a gateway and a profile that it does not have', async () => {
    const { findings } = await examine({ gateways: ['no_such_gateway'], sipProfile: 'no_such_profile' })
    const told = findings.filter(each => each.level === 'problem').map(each => each.check)
    expect(told.toSorted()).toEqual(['switch gateway', 'switch profile'])
  })

  test('lets the switch try whether its dialplan reaches us, and reads who is registered', async () => {
    const { findings, registrations } = await examine({
      dialplanSocket: { host: '127.0.0.1', port: await freePort() },
    })
    const [finding] = findings.filter(each => each.check === 'dialplan socket')
    expect(finding?.what).toStartWith('FreeSWITCH reaches 127.0.0.1:')
    expect(registrations).toBeArray()
  })

  test('finds that its dialplan gets no answer, and leaves no channel behind', async () => {
    await using deaf = await holdPort()
    const { findings } = await examine({ dialplanSocket: { host: '127.0.0.1', port: deaf.port } })
    const [finding] = findings.filter(each => each.check === 'dialplan socket')
    expect(finding).toMatchObject({ level: 'warning', what: expect.stringContaining('gets no answer at') })
  })

  test('finds a password that is refused', async () => {
    const { findings } = await examine({ password: 'certainly-not-the-password' })
    expect(findings.map(each => each.what)).toEqual([expect.stringContaining('refuses the password')])
  })
}

/** Takes every connection and ends it, as a door does that admits nobody. */
async function holdPort(): Promise<AsyncDisposable & { port: number }> {
  const server = createServer(socket => void socket.on('error', () => undefined).destroy())
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as { port: number }).port,
    [Symbol.asyncDispose]: () => new Promise(resolve => server.close(() => resolve())),
  }
}
