// Each thing that the doctor finds at a switch, provoked at the test switch, or at a bare server where FreeSWITCH
// would have to be broken.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { createServer, type Socket } from 'node:net'
import type { Finding } from '../../src/base/finding.ts'
import { examineSwitch, type SwitchCheckupOptions } from '../../src/esl/checkup.ts'
import { judgeExposure } from '../../src/esl/exposure.ts'
import { freePort } from '../harness/redis.ts'
import type { TestSwitchOptions } from '../switch/settings.ts'
import { startTestSwitch, type TestSwitch } from '../switch/testSwitch.ts'
import { only, troubles } from './findings.ts'
import { type Line, listening, openLine } from './line.ts'

const GATEWAY = 'talk_call_provider'
const PASSWORD = 'not-the-default'

const examine = (port: number, more: Partial<SwitchCheckupOptions> = {}) =>
  examineSwitch({
    host: '127.0.0.1',
    port,
    password: PASSWORD,
    sipProfile: 'external',
    gateways: [{ name: GATEWAY, setting: 'GATEWAY' }],
    callsPerSecond: 30,
    callsMax: 1_000,
    clock: Date.now,
    limitMs: 2_000,
    ...more,
  })

/** What is found at a switch of its own. */
async function at(options: TestSwitchOptions, more: Partial<SwitchCheckupOptions> = {}): Promise<Finding[]> {
  const testSwitch = await startTestSwitch({ password: PASSWORD, ...options })
  try {
    return (await examine(testSwitch.port, more)).findings
  } finally {
    await testSwitch.close()
  }
}

let good: TestSwitch
beforeAll(async () => {
  good = await startTestSwitch({ password: PASSWORD })
})
afterAll(() => good.close())

test('a switch in good order has every finding ok, and leaves no connection behind', async () => {
  const { coreUuid, findings } = await examine(good.port)
  expect(coreUuid).toBe(good.coreUuid)
  expect(troubles(findings)).toEqual([])
  expect(findings.map(each => each.check).toSorted()).toEqual([
    'clock',
    'switch connection',
    'switch exposure',
    'switch gateway',
    'switch limits',
    'switch modules',
    'switch password',
    'switch version',
  ])
})

describe('a switch that can not be used', () => {
  test('because nobody listens', async () => {
    const finding = only((await examine(await freePort())).findings, 'switch connection')
    expect(finding.level).toBe('problem')
    expect(finding.what).toContain("can't be reached at 127.0.0.1:")
    expect(finding.todo).toContain('ESL_URL')
  })

  test('because the password is wrong, which is not repeated', async () => {
    const { findings } = await examine(good.port, { password: 'mistaken-one' })
    const finding = only(findings, 'switch connection')
    expect(finding.level).toBe('problem')
    expect(finding.what).toContain('refuses the password')
    expect(finding.todo).toContain('ESL_PASSWORD')
    expect(JSON.stringify(findings)).not.toContain('mistaken-one')
  })

  // FreeSWITCH's own bytes (mod_event_socket.c, 1.10.12).
  const rejection = 'Content-Type: text/rude-rejection\nContent-Length: 24\n\nAccess Denied, go away.\n\n'
  const bare: [why: string, greeting: string, words: string, todo: string][] = [
    ['because its access list keeps us out', rejection, 'access list', 'apply-inbound-acl'],
    ['because it says nothing', '', 'says nothing within 0.3 s', 'hangs'],
    ['because it is a web server', 'HTTP/1.1 400 Bad Request\r\n\r\n', '', 'ESL_URL'],
  ]
  for (const [why, greeting, words, todo] of bare)
    test(why, async () => {
      await using server = await listen(socket => socket.write(greeting))
      const finding = only((await examine(server.port, { limitMs: 300 })).findings, 'switch connection')
      expect(finding.level).toBe('problem')
      expect(finding.what).toContain(words)
      expect(finding.todo).toContain(todo)
    })

  test('because it breaks off', async () => {
    await using server = await listen(socket => socket.end())
    const finding = only((await examine(server.port)).findings, 'switch connection')
    expect(finding.level).toBe('problem')
    expect(finding.what).toContain('breaks off')
  })

  test('because it stops answering after the login', async () => {
    const stalling = await startTestSwitch({ password: PASSWORD })
    // The test switch answers our login at once and holds the answer to the first question for longer than we wait.
    await using line = await openLine(stalling.port, { stallsAt: 'version' })
    const finding = only((await examine(line.port, { limitMs: 300 })).findings, 'switch connection')
    await stalling.close()
    expect(finding.level).toBe('problem')
    expect(finding.what).toContain('then answers nothing')
  })
})

describe('a switch that lacks something', () => {
  const all = [
    'mod_commands',
    'mod_dptools',
    'mod_local_stream',
    'mod_sndfile',
    'mod_sofia',
    'mod_tone_stream',
  ]
  const levels: [module: string, level: string][] = [
    ['mod_commands', 'problem'],
    ['mod_dptools', 'problem'],
    ['mod_sofia', 'problem'],
    ['mod_sndfile', 'warning'],
    ['mod_local_stream', 'warning'],
    ['mod_tone_stream', 'warning'],
  ]
  for (const [name, level] of levels)
    test(`the module ${name}`, async () => {
      const finding = only(await at({ modules: all.filter(each => each !== name) }), 'switch modules')
      expect(finding.level).toBe(level as Finding['level'])
      expect(finding.what).toContain(`${name} is not loaded`)
      expect(finding.todo).toContain(`load ${name}`)
    })

  test('a gateway that a setting names', async () => {
    const gateways = [
      { name: GATEWAY, setting: 'GATEWAY' },
      { name: 'acme', setting: 'GATEWAYS' },
    ]
    const findings = (await examine(good.port, { gateways })).findings
    expect(troubles(findings)).toEqual([
      expect.stringContaining('problem switch gateway: GATEWAYS names the gateway acme'),
    ])
  })

  test('a gateway that is up', async () => {
    const finding = only(await at({ gateways: { [GATEWAY]: 'down' } }), 'switch gateway')
    expect(finding.level).toBe('problem')
    expect(finding.what).toContain('is down')
  })

  test('that it is not paused', async () => {
    good.set({ isPaused: true })
    const finding = only((await examine(good.port)).findings, 'switch paused')
    good.set({ isPaused: false })
    expect(finding.level).toBe('problem')
    expect(finding.todo).toContain('fsctl resume')
  })

  test('the SIP profile', async () => {
    const finding = only(await at({ profiles: [] }), 'switch profile')
    expect(finding.level).toBe('problem')
    expect(finding.what).toContain('no SIP profile external')
    expect(finding.todo).toContain('SIP_PROFILE')
  })
})

describe('a switch that is open', () => {
  test("has FreeSWITCH's own password: a warning on loopback, a problem beyond", async () => {
    const narrow = await at({ password: 'ClueCon' }, { password: 'ClueCon' })
    expect(only(narrow, 'switch password').level).toBe('warning')
    const wide = await at(
      { password: 'ClueCon', eventSocket: { listenIp: '::', acl: ['lan'] } },
      { password: 'ClueCon' },
    )
    const finding = only(wide, 'switch password')
    expect(finding.level).toBe('problem')
    expect(finding.what).toContain('still ClueCon')
    expect(finding.todo).toContain('ESL_PASSWORD')
  })

  test('listens beyond loopback for everybody', async () => {
    for (const acl of [[], ['any_v4.auto']]) {
      const finding = only(await at({ eventSocket: { listenIp: '0.0.0.0', acl } }), 'switch exposure')
      expect(finding.level).toBe('warning')
      expect(finding.what).toContain('listens on 0.0.0.0, beyond loopback')
      expect(finding.todo).toContain('apply-inbound-acl')
    }
  })

  test('listens beyond loopback for an access list: which is said', async () => {
    const finding = only(await at({ eventSocket: { listenIp: '::', acl: ['agents'] } }), 'switch exposure')
    expect(finding.level).toBe('ok')
    expect(finding.what).toContain('admits the access list agents')
  })

  test('is another machine, and does not show its settings', () => {
    // Its password is judged among the settings, once for all switches.
    const [listener, ...more] = judgeExposure({
      host: 'switch.example.com',
      password: 'ClueCon',
      eventSocketXml: "can't find that",
    })
    expect(more).toEqual([])
    expect(listener!.level).toBe('warning')
    expect(listener!.what).toContain('is reached at switch.example.com')
  })
})

describe('a switch that takes less than we give', () => {
  test('sessions a second', async () => {
    const finding = only(await at({ sessionsPerSecondMax: 20 }, { callsPerSecond: 0 }), 'switch limits')
    expect(finding.level).toBe('warning')
    expect(finding.what).toContain('more than 20 sessions a second')
    expect(finding.what).toContain('CALLS_PER_SECOND=0')
    // Otherwise the agents keep to it.
    expect(only(await at({ sessionsPerSecondMax: 20 }), 'switch limits').level).toBe('ok')
  })

  test('sessions at once', async () => {
    const finding = only(await at({ sessionsMax: 500 }), 'switch limits')
    expect(finding.level).toBe('warning')
    expect(finding.what).toContain('carries 500 sessions at once')
  })
})

test('a switch of an old version is told', async () => {
  await using line = await openLine(good.port, { replace: { from: '1.10.12', to: '1.08.12' } })
  const finding = only((await examine(line.port)).findings, 'switch version')
  expect(finding.level).toBe('warning')
  expect(finding.what).toContain('1.08.12')
})

test('a clock that is not ours is told', async () => {
  const finding = only(await at({}, { clock: () => Date.now() - 120_000 }), 'clock')
  expect(finding.level).toBe('problem')
  expect(finding.what).toContain('behind the switch')
})

function listen(greet: (socket: Socket) => void): Promise<Line> {
  const sockets = new Set<Socket>()
  const server = createServer(socket => {
    sockets.add(socket)
    // The examination ends the connection when it has seen enough.
    socket.on('error', () => undefined)
    greet(socket)
  })
  return listening(server, sockets)
}
