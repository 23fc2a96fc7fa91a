// Whatever a job says: if the allow-lists pass it, the switch reads exactly one command, and out of it exactly the
// variables that were meant. Read by a model of FreeSWITCH's own splitter, which is checked first.
import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import * as allow from '../../src/esl/allow.ts'
import { type EslCommand, messagePacket, wireOf } from '../../src/esl/command.ts'
import * as commands from '../../src/esl/commands.ts'
import { originateAsp, originateBarge, originateBot, originateLoadTest } from '../../src/esl/originate.ts'
import { hostileText } from './hostile.ts'
import { readDialString, readOriginate, readPackets, type Variables } from './splitterModel.ts'

const JOB_UUID = '11111111-1111-4111-8111-111111111111'

/** The switch's view of a background job: one packet, our job id, and the command's text. */
function throughTheWire(command: EslCommand): string {
  const packets = readPackets(`bgapi ${command}\nJob-UUID: ${JOB_UUID}\n\n`)
  expect(packets).toHaveLength(1)
  expect(packets[0]!.headers).toEqual([['Job-UUID', JOB_UUID]])
  expect(packets[0]!.command).toStartWith('bgapi ')
  return packets[0]!.command.slice('bgapi '.length)
}

function originateOf(command: EslCommand) {
  const text = throughTheWire(command)
  expect(text).toStartWith('originate ')
  const originate = readOriginate(text.slice('originate '.length))!
  expect(originate).toMatchObject({ isExpanded: false, isEnterprise: false, extraArguments: [] })
  expect(originate.peers).toHaveLength(1)
  expect(originate.peers[0]!.variables).toEqual({})
  return { variables: originate.variables, address: originate.peers[0]!.address, originate }
}

const ID = [...'abcABC019_.:@+-']
const text = (letters: string[], maxLength = 20) =>
  fc.string({ unit: fc.constantFrom(...letters), minLength: 1, maxLength })

/** Mostly what the list allows, now and then what it must not. */
const mostly = (good: fc.Arbitrary<string>): fc.Arbitrary<string> =>
  fc.oneof(
    { weight: 14, arbitrary: good },
    { weight: 1, arbitrary: hostileText() },
    { weight: 1, arbitrary: fc.tuple(good, hostileText(), good).map(parts => parts.join('')) },
  )

const id = mostly(text(ID))
const header = mostly(text([...'abAB12 _.:@+/#&-']))
const phone = mostly(text([...'0123456789+-(). ']))
const uri = mostly(fc.tuple(text([...'ab1_.+~-']), fc.domain()).map(([user, host]) => `sip:${user}@${host}`))
const word = mostly(text([...'abAB12_.-']))
const password = mostly(text([...'ab1!#%&*+./;?@_~=-']))
const media = mostly(text([...'ab1_./-']))
const uuid = fc.uuid()

/** Parses all, or gives nothing when one of them is refused, which is the other good end. */
function parseAll<Fields extends Record<string, allow.Parsed<unknown>>>(
  fields: Fields,
): { [Name in keyof Fields]: Extract<Fields[Name], { ok: true }>['value'] } | undefined {
  const values: Record<string, unknown> = {}
  for (const [name, result] of Object.entries(fields)) {
    if (!result.ok) return undefined
    values[name] = result.value
  }
  return values as never
}

const RUNS = 1_500

/** Runs a property and makes sure that it was not all refusals. */
function holds<Input>(input: fc.Arbitrary<Input>, check: (input: Input) => boolean): void {
  let passed = 0
  fc.assert(
    fc.property(input, each => {
      if (check(each)) passed += 1
    }),
    { numRuns: RUNS, includeErrorInReport: true },
  )
  expect(passed).toBeGreaterThan(RUNS / 20)
}

const owned = (fields: { dialId: string; orgId: string; userId: string }, job: string): Variables => ({
  dial_id: fields.dialId,
  hookswitch_org_id: fields.orgId,
  hookswitch_user_id: fields.userId,
  hookswitch_job: job,
})

const dialHeaders = (
  fields: { dialId: string; orgId: string; userId: string },
  side: string,
  provider: string,
): Variables => ({
  'sip_h_X-Dial-ID': fields.dialId,
  'sip_h_X-Dial-Side': side,
  'sip_h_X-Organization-ID': fields.orgId,
  'sip_h_X-User-ID': fields.userId,
  'sip_h_X-TalkIQ-Callprovider': provider,
})

describe('the model of the splitter', () => {
  // Each line was put to FreeSWITCH 1.10.12 and read back from the channel it made.
  const known: [dialString: string, variables: Variables][] = [
    ["{a='John  Smith',b=John\\sS}x", { a: 'John  Smith', b: 'John S' }],
    ['{dial_id=ARRAY::x,a=^^b,c=undef}x', { dial_id: 'x', a: '^^b', c: 'undef' }],
    ['{r=%(2000\\,4000\\,440\\,480),z=1}x', { r: '%(2000,4000,440,480)', z: '1' }],
    ['{p=p!#%&*+-./:;?@_~=1}x', { p: 'p!#%&*+-./:;?@_~=1' }],
  ]
  test.each(known)('reads %s as the switch did', (dialString, variables) => {
    expect(readOriginate(`${dialString} &park()`)?.variables).toEqual(variables)
  })

  test('sees the attacks that the allow-lists are there for', () => {
    expect(readOriginate('{a=b:_:c}x &park()')?.isEnterprise).toBe(true)
    expect(readOriginate('{a=b,api_on_answer=hupall}x &park()')?.variables).toEqual({
      a: 'b',
      api_on_answer: 'hupall',
    })
    expect(readOriginate('{a=b}x,y|z &park()')?.peers).toHaveLength(3)
    expect(readOriginate('{a=1}{b=2}x &park()')?.variables).toEqual({ a: '1', b: '2' })
    expect(readOriginate('{^^:a=1,2:b=3}x &park()')?.variables).toEqual({ a: '1,2', b: '3' })
    expect(readOriginate('{a=b c}x &park()')?.extraArguments).toEqual(['&park()'])
    // biome-ignore lint/suspicious/noTemplateCurlyInString: an expansion of FreeSWITCH's, not of ours
    expect(readOriginate('{a=${x}}x &park()')?.isExpanded).toBe(true)
    expect(readOriginate('{a=\\n}x &park()')?.variables).toEqual({ a: '\n' })
    expect(readPackets('api status\n\napi hupall\n\n')).toHaveLength(2)
    expect(readPackets('api uuid_exists reload-mod_event_socket\n\n')[0]?.command).toBe(
      'api bgapi reload mod_event_socket',
    )
  })
})

describe('an originate that the allow-lists pass', () => {
  test('of an asp-call carries the variables of both legs, and nothing else', () => {
    const fields = fc.record({
      dialId: id,
      orgId: id,
      userId: id,
      provider: word,
      gateway: word,
      caller: phone,
      callee: phone,
      callerIdA: phone,
      callerIdB: word,
      a: uuid,
      b: uuid,
    })
    holds(fields, raw => {
      const it = parseAll({
        dialId: allow.parseDialId(raw.dialId),
        orgId: allow.parseOrgId(raw.orgId),
        userId: allow.parseUserId(raw.userId),
        callProvider: allow.parseProviderName(raw.provider),
        gateway: allow.parseGatewayName(raw.gateway),
        headerPrefix: allow.parseHeaderPrefix('X-'),
        caller: allow.parsePhoneNumber(raw.caller),
        callee: allow.parsePhoneNumber(raw.callee),
        callerIdA: allow.parseCallerId(raw.callerIdA),
        callerIdB: allow.parseCallerId(raw.callerIdB),
        a: allow.parseChannelUuid(raw.a),
        b: allow.parseChannelUuid(raw.b),
      })
      if (!it) return false
      const command = originateAsp({
        ...it,
        ringTimeoutSeconds: 60,
        caller: { number: it.caller, callerId: it.callerIdA, channelUuid: it.a },
        callee: { number: it.callee, callerId: it.callerIdB, channelUuid: it.b },
      })
      const { variables, address, originate } = originateOf(command)
      expect(variables).toEqual({
        origination_uuid: it.a,
        'call-side': '0',
        ...owned(it, 'asp-call'),
        origination_caller_id_number: it.callerIdA,
        origination_callee_id_number: it.callerIdB,
        originate_timeout: '60',
        call_timeout: '60',
        ignore_early_media: 'true',
        instant_ringback: 'true',
        ringback: '%(2000,4000,440,480)',
        hangup_after_bridge: 'true',
        ...dialHeaders(it, '0', it.callProvider),
      })
      expect(address).toBe(`sofia/gateway/${it.gateway}/${it.caller}`)
      expect(originate.application).toBe('&bridge')
      const bridge = readDialString(originate.argument)
      expect(bridge).toEqual({
        variables: {},
        peers: [
          {
            variables: {
              origination_uuid: it.b,
              'call-side': '1',
              ...owned(it, 'asp-call'),
              origination_caller_id_number: it.callerIdB,
              origination_caller_id_name: it.callerIdB,
              ...dialHeaders(it, '1', it.callProvider),
            },
            address: `sofia/gateway/${it.gateway}/${it.callee}`,
          },
        ],
        isExpanded: false,
        isEnterprise: false,
      })
      return true
    })
  })

  test('of a bot-call or a barge goes to one address, with the credentials as given', () => {
    const fields = fc.record({
      dialId: id,
      orgId: id,
      userId: id,
      target: uri,
      callerId: word,
      name: id,
      password,
      a: uuid,
      b: uuid,
    })
    holds(fields, raw => {
      const it = parseAll({
        dialId: allow.parseDialId(raw.dialId),
        orgId: allow.parseOrgId(raw.orgId),
        userId: allow.parseUserId(raw.userId),
        target: allow.parsePhoneTarget(raw.target),
        callerId: allow.parseCallerId(raw.callerId),
        username: allow.parseSipUsername(raw.name),
        password: allow.parseSipPassword(raw.password),
        gateway: allow.parseGatewayName('gw'),
        profile: allow.parseProfileName('external'),
        headerPrefix: allow.parseHeaderPrefix('X-'),
        channelUuid: allow.parseChannelUuid(raw.a),
        targetChannelUuid: allow.parseChannelUuid(raw.b),
      })
      if (!it) return false
      const call = {
        ...it,
        ringTimeoutSeconds: 30,
        credentials: { username: it.username, password: it.password },
      }
      const address =
        it.target.kind === 'sip' ? `sofia/external/${it.target.uri}` : `sofia/gateway/gw/${it.target.number}`
      const secrets = { sip_auth_username: it.username, sip_auth_password: it.password }

      const bot = originateOf(originateBot(call))
      expect(bot.address).toBe(address)
      expect([bot.originate.application, bot.originate.argument]).toEqual(['&park', ''])
      expect(bot.variables).toEqual({
        origination_uuid: it.channelUuid,
        'call-side': '0',
        ...owned(it, 'bot-call'),
        origination_caller_id_number: it.callerId,
        originate_timeout: '30',
        ignore_early_media: 'true',
        send_silence_when_idle: '-1',
        park_after_bridge: 'true',
        hangup_after_bridge: 'false',
        ...secrets,
        ...dialHeaders(it, '0', 'auto-bot'),
      })

      const barge = originateOf(originateBarge(call))
      expect(barge.address).toBe(address)
      expect([barge.originate.application, barge.originate.argument]).toEqual(['&eavesdrop', raw.b])
      expect(barge.variables).toEqual({
        origination_uuid: it.channelUuid,
        'barge-id': it.channelUuid,
        ...owned(it, 'barge'),
        origination_caller_id_number: it.callerId,
        originate_timeout: '30',
        ignore_early_media: 'true',
        eavesdrop_enable_dtmf: 'false',
        ...secrets,
      })
      return true
    })
  })

  test('of a load-test carries its texts unchanged, blanks included', () => {
    const fields = fc.record({
      dialId: id,
      orgId: id,
      leg: word,
      crm: header,
      name: header,
      topic: header,
      target: phone,
      a: uuid,
    })
    holds(fields, raw => {
      const it = parseAll({
        dialId: allow.parseDialId(raw.dialId),
        orgId: allow.parseOrgId(raw.orgId),
        userId: allow.parseUserId('u'),
        target: allow.parsePhoneTarget(raw.target),
        leg: allow.parseLegName(raw.leg),
        dialpadCrm: allow.parseHeaderText(raw.crm),
        calleeName: allow.parseHeaderText(raw.name),
        topic: allow.parseHeaderText(raw.topic),
        parentCallId: allow.parseHeaderText('p'),
        targetKey: allow.parseHeaderText('k'),
        gateway: allow.parseGatewayName('gw'),
        profile: allow.parseProfileName('external'),
        channelUuid: allow.parseChannelUuid(raw.a),
      })
      if (!it) return false
      const { variables } = originateOf(originateLoadTest({ ...it, ringTimeoutSeconds: 30 }))
      expect(variables).toEqual({
        origination_uuid: it.channelUuid,
        'call-side': it.leg,
        ...owned(it, 'load-test'),
        origination_caller_id_number: it.leg,
        originate_timeout: '30',
        ignore_early_media: 'true',
        'sip_h_X-Dialpad-CRM': it.dialpadCrm,
        'sip_h_X-Dialpad-OrganizationId': it.orgId,
        'sip_h_X-Dialpad-CallLeg': it.leg,
        'sip_h_X-Dialpad-CallLegTag': it.leg,
        'sip_h_X-Dialpad-ParentCallId': 'p',
        'sip_h_X-Dialpad-CalleeName': it.calleeName,
        'sip_h_X-Dialpad-TargetKey': 'k',
        'sip_h_X-Dialpad-Topic': it.topic,
      })
      return true
    })
  })
})

describe('a command on a call that the allow-lists pass', () => {
  test('is one packet with as many words as were meant', () => {
    holds(fc.record({ a: uuid, b: uuid, path: media }), raw => {
      const it = parseAll({
        a: allow.parseChannelUuid(raw.a),
        b: allow.parseChannelUuid(raw.b),
        path: allow.parseMediaPath(raw.path),
      })
      if (!it || it.a === it.b) return false
      const expected: [EslCommand, string[]][] = [
        [commands.playToBoth(it.a, it.path), ['uuid_broadcast', it.a, it.path, 'both']],
        [commands.startBackground(it.a, it.path), ['uuid_displace', it.a, 'start', it.path, '0', 'mux']],
        [commands.stopBackground(it.a, it.path), ['uuid_displace', it.a, 'stop', it.path]],
        [commands.fileExists(it.path), ['file_exists', it.path]],
        [commands.bridgeChannels(it.a, it.b), ['uuid_bridge', it.a, it.b]],
      ]
      for (const [command, words] of expected) expect(throughTheWire(command).split(' ')).toEqual(words)
      expect(it.path).not.toMatch(/::|!|(^|\/)\.\.(\/|$)/)
      const [packet, ...more] = readPackets(wireOf(messagePacket(commands.superviseAs(it.a, 'both'))))
      expect(more).toEqual([])
      expect(packet!.headers.map(([name]) => name)).toEqual([
        'Event-Subclass',
        'unique-id',
        'eavesdrop-command',
      ])
      return true
    })
  })
})
