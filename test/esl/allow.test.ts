// The allow-lists: what real callers send passes, everything that the switch could act on does not.
import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import {
  isAbsoluteFile,
  type MediaPath,
  type Parsed,
  parseCallerId,
  parseChannelUuid,
  parseDialId,
  parseGatewayName,
  parseHeaderPrefix,
  parseHeaderText,
  parseLegName,
  parseMediaPath,
  parseOrgId,
  parsePhoneNumber,
  parsePhoneTarget,
  parseProfileName,
  parseProviderName,
  parseSipPassword,
  parseSipUri,
  parseSipUsername,
  parseUserId,
  parseVariableText,
} from '../../src/esl/allow.ts'
import { parseHangupCause } from '../../src/esl/hangupCauses.ts'
import { hostileText } from './hostile.ts'

type Parse = (value: unknown) => Parsed<unknown>

const UUID = '32b695fb-a436-47d6-a637-b74569bda13d'

/** For each parser what passes, as `[in, out]` where they differ, and what does not. */
const TABLE: Record<
  string,
  { parse: Parse; passes: (string | number | [unknown, string])[]; fails: unknown[] }
> = {
  'a dial id': {
    parse: parseDialId,
    passes: ['1337', [1337, '1337'], 'a.b:c@d+e-f_g', 'x'.repeat(128), 'HOOKSWITCH:1', 'true', '+1'],
    fails: [
      '',
      'x'.repeat(129),
      'hookswitch:calls',
      'a b',
      'a/b',
      'é',
      -1,
      1.5,
      2 ** 60,
      null,
      undefined,
      {},
      ['a'],
      true,
    ],
  },
  'an organisation id': {
    parse: parseOrgId,
    passes: ['00Dj0000001noV5EAI', 'hookswitch:x'],
    fails: ['a,b', ' a'],
  },
  'a user id': { parse: parseUserId, passes: ['005j000000C8FKUAA3'], fails: ['a\n', 'a}'] },
  'the value of a variable': {
    parse: parseVariableText,
    passes: ['ACK', 't-0a1b2c3d4e5f6071', 'no-device', [1234, '1234']],
    fails: [
      '',
      'a b',
      'a\n',
      'ARRAY::a',
      '_undef_',
      'a=b,c',
      '%0a',
      '$' + '{hupall}',
      "'a'",
      'a'.repeat(129),
    ],
  },
  'a phone number': {
    parse: parsePhoneNumber,
    passes: [
      '15105625882',
      '+15105625882',
      ['+1 (510) 562-58.82', '+15105625882'],
      [15105625882, '15105625882'],
      '1001',
    ],
    fails: ['', '+', '*97', '#31#', '1+2', 'anonymous', '1;2', '1'.repeat(33), '１２３', '٣'],
  },
  'a SIP URI': {
    parse: parseSipUri,
    passes: [
      'sip:bob@example.com',
      ['bob@example.com', 'sip:bob@example.com'],
      ['SIP:Bob.S+1@10.0.0.1:5060;transport=TCP', 'sip:Bob.S+1@10.0.0.1:5060;transport=tcp'],
      'sips:bob@h;transport=tls',
    ],
    fails: [
      'sip:bob',
      'bob@',
      '@host',
      'sip:bob@host;transport=ws',
      'sip:bob@host;x=y',
      'sip:bob@host?Subject=x',
      'sip:bob:pw@host',
      'sip:bob@host:0',
      'sip:bob@host:65536',
      'sip:bob@a..b',
      'sip:bob@-a',
      'sip:bob@[::1]',
      'sip:b%20b@host',
      'sip:bob@host;transport=tcp;transport=udp',
      'tel:+1510@host',
      `sip:bob@${'a'.repeat(254)}`,
      'sip:a@b@c',
    ],
  },
  'a caller id': {
    parse: parseCallerId,
    passes: [
      '15105625882',
      ['777-777-7777', '7777777777'],
      ['(415) 769-7098', '4157697098'],
      'anonymous',
      'Sales_1',
    ],
    fails: ['', 'John Smith', 'a@b', "O'Brien", 'x'.repeat(65)],
  },
  'a channel uuid': {
    parse: parseChannelUuid,
    passes: [UUID, UUID.toUpperCase()],
    fails: ['', `${UUID}0`, 'not-a-uuid', `{${UUID}}`],
  },
  'a gateway name': {
    parse: parseGatewayName,
    passes: ['talk_call_provider', 'gw-1.example'],
    fails: ['', 'a/b', 'a b'],
  },
  'a profile name': { parse: parseProfileName, passes: ['external'], fails: ['external/x'] },
  'a provider name': { parse: parseProviderName, passes: ['shifty'], fails: ['a=b', 'a,b'] },
  'a leg name': { parse: parseLegName, passes: ['1', 'agent.2'], fails: ['', 'a b', 'x'.repeat(33)] },
  'a header text': {
    parse: parseHeaderText,
    passes: ['AT&T  store #5', 'a', 'projects/x/topics/y', 'a@b:1'],
    fails: ['', ' a', 'a ', 'a,b', 'a=b', '100%', "it's", 'é', 'a\tb', 'a(b)', 'x'.repeat(257)],
  },
  'a header prefix': {
    parse: parseHeaderPrefix,
    passes: ['X-', 'Accuvit-'],
    fails: ['', '-X', 'X_', 'X:', 'x'.repeat(33)],
  },
  'a SIP user name': {
    parse: parseSipUsername,
    passes: ['bob@ex.com', '+1510', 'a~b'],
    fails: ['', 'a:b', 'a b', 'a"b'],
  },
  'a SIP password': {
    parse: parseSipPassword,
    passes: ['test-password', 'p!#%&*+-./;?@_~=1', 'abc=='],
    fails: [
      '',
      'a:b',
      'a b',
      'a,b',
      "a'b",
      'a"b',
      'a\\b',
      'a$b',
      'a^b',
      'a(b',
      'a[b',
      'a{b',
      'a<b',
      'a|b',
      'a`b',
      'é',
    ],
  },
  'a media path': {
    parse: parseMediaPath,
    passes: [
      'ivr/ivr-welcome_to_freeswitch.wav',
      '/var/sounds/a.b-c_1.wav',
      'local_stream://moh',
      'tone_stream://%(2000,4000,440,480)',
      'tone_stream://%(200,100,440.5,480);%(1,1,1);loops=-1',
    ],
    fails: [
      '',
      '/',
      'a/',
      'a//b',
      '../a.wav',
      'a/../b.wav',
      './a',
      'a b.wav',
      'system::rm',
      'hangup!user_busy::x',
      'http://example.com/a.wav',
      'file_string://a!b',
      '{timeout=1}a.wav',
      'tone_stream://path=/etc/passwd',
      'local_stream://../x',
      'say:hello',
      'x'.repeat(513),
      5.5,
    ],
  },
  'a hangup cause': {
    parse: parseHangupCause,
    passes: ['NORMAL_CLEARING', 'ORIGINATOR_CANCEL'],
    fails: ['', 'NOPE', 'user_busy', 'NONE', '16'],
  },
}

describe.each(Object.entries(TABLE))('%s', (_, { parse, passes, fails }) => {
  test('passes in every form that real callers use', () => {
    for (const each of passes) {
      const [input, output] = Array.isArray(each) ? each : [each, each]
      expect(parse(input)).toEqual({ ok: true, value: output })
    }
  })

  test('is refused otherwise, with a reason that does not repeat it', () => {
    for (const each of fails) {
      const result = parse(each)
      expect([each, result.ok]).toEqual([each, false])
      if (!result.ok && typeof each === 'string' && each.length > 8)
        expect(result.failure).not.toContain(each)
    }
  })

  test('is refused with a line end, a blank or a NUL at either end', () => {
    const first = passes[0]!
    const good = String(Array.isArray(first) ? first[0] : first)
    for (const stray of ['\n', '\r\n', '\0', '\t', '\u2028', '\u202e', '\\n'])
      for (const bad of [good + stray, stray + good]) expect([bad, parse(bad).ok]).toEqual([bad, false])
  })

  test('never lets a separator, a quote, an escape or an expansion through, and never throws', () => {
    fc.assert(
      fc.property(fc.oneof(hostileText(), fc.anything()), value => {
        const result = parse(value)
        if (!result.ok || typeof result.value !== 'string' || result.value.includes('://')) return
        expect(result.value).toMatch(/^[\x20-\x7e]+$/)
        expect(result.value).not.toMatch(/[{}[\]()<>|,'"`^\\$]|:_:|^ARRAY::|^ | $/)
      }),
    )
  })
})

describe('words that the switch acts on', () => {
  const words = [
    'a:_:b',
    'ARRAY::x',
    'reload-mod_event_socket',
    'Mod_Event_Socket',
    '_undef_',
    'origination_nested_vars',
  ]
  test('pass as no id, header or path, though every letter of them does', () => {
    for (const word of words)
      for (const parse of [parseDialId, parseOrgId, parseUserId, parseHeaderText])
        expect([word, parse(word).ok]).toEqual([word, false])
    expect(parseSipPassword('origination_nested_vars=true').ok).toBe(false)
    expect(parseMediaPath('/reload/mod_event_socket.wav').ok).toBe(false)
    expect(parseSipUri('mod_event_socket@unload').ok).toBe(false)
    expect(parseLegName('mod_event_socket').ok).toBe(false)
    expect(parseGatewayName('mod_event_socket').ok).toBe(false)
  })
})

describe('a phone target', () => {
  test('is a SIP URI when there is an @ in it, else a number', () => {
    expect(parsePhoneTarget('bob@h')).toEqual({ ok: true, value: { kind: 'sip', uri: 'sip:bob@h' as never } })
    expect(parsePhoneTarget('+1 510')).toEqual({
      ok: true,
      value: { kind: 'number', number: '+1510' as never },
    })
    expect([
      parsePhoneTarget('a b@h').ok,
      parsePhoneTarget('bob').ok,
      parsePhoneTarget(undefined).ok,
    ]).toEqual([false, false, false])
  })
})

test('only an absolute file can be asked for', () => {
  expect(['/a.wav', 'a.wav', 'local_stream://moh'].map(path => isAbsoluteFile(path as MediaPath))).toEqual([
    true,
    false,
    false,
  ])
})
