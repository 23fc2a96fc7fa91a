// Every command as it goes over the wire, to the letter. The forms were taken by a FreeSWITCH 1.10.12 (the recording
// `plain-calls` is what it answered).
import { describe, expect, test } from 'bun:test'
import type { CallerId, ChannelUuid, MediaPath, SipPassword, SipUsername } from '../../src/esl/allow.ts'
import { asCommand, messagePacket, wireOf } from '../../src/esl/command.ts'
import * as commands from '../../src/esl/commands.ts'
import { originateAsp, originateBarge, originateBot, originateLoadTest } from '../../src/esl/originate.ts'

/** A value that an allow-list would pass. */
const allowed = <Kind>(text: string): Kind => text as Kind

const A = allowed<ChannelUuid>('aaaa1111-0000-4000-8000-00000000000a')
const B = allowed<ChannelUuid>('aaaa1111-0000-4000-8000-00000000000b')
const owner = {
  dialId: allowed<never>('dial-1'),
  orgId: allowed<never>('org'),
  userId: allowed<never>('user'),
}
const routes = { gateway: allowed<never>('gw'), profile: allowed<never>('external') }
const number = { kind: 'number', number: allowed<never>('+15105620001') } as const
const sip = { kind: 'sip', uri: allowed<never>('sip:bob@10.0.0.1:5060;transport=tcp') } as const
const prefix = { headerPrefix: allowed<never>('Accuvit-') }

describe('originate', () => {
  test('rings an asp-call', () => {
    const command = originateAsp({
      ...owner,
      ...prefix,
      gateway: routes.gateway,
      callProvider: allowed('shifty'),
      ringTimeoutSeconds: 60,
      caller: { number: number.number, callerId: allowed<CallerId>('14157697098'), channelUuid: A },
      callee: { number: allowed('14157690002'), callerId: allowed<CallerId>('15105625882'), channelUuid: B },
    })
    expect(`${command}`).toBe(
      'originate {origination_uuid=aaaa1111-0000-4000-8000-00000000000a,call-side=0,dial_id=dial-1,' +
        'hookswitch_org_id=org,hookswitch_user_id=user,hookswitch_job=asp-call,' +
        'origination_caller_id_number=14157697098,origination_callee_id_number=15105625882,' +
        'originate_timeout=60,call_timeout=60,ignore_early_media=true,instant_ringback=true,' +
        'ringback=%(2000\\,4000\\,440\\,480),hangup_after_bridge=true,sip_h_Accuvit-Dial-ID=dial-1,' +
        'sip_h_Accuvit-Dial-Side=0,sip_h_Accuvit-Organization-ID=org,sip_h_Accuvit-User-ID=user,' +
        'sip_h_X-TalkIQ-Callprovider=shifty}sofia/gateway/gw/+15105620001 ' +
        '&bridge([origination_uuid=aaaa1111-0000-4000-8000-00000000000b,call-side=1,dial_id=dial-1,' +
        'hookswitch_org_id=org,hookswitch_user_id=user,hookswitch_job=asp-call,' +
        'origination_caller_id_number=15105625882,origination_caller_id_name=15105625882,' +
        'sip_h_Accuvit-Dial-ID=dial-1,sip_h_Accuvit-Dial-Side=1,sip_h_Accuvit-Organization-ID=org,' +
        'sip_h_Accuvit-User-ID=user,sip_h_X-TalkIQ-Callprovider=shifty]sofia/gateway/gw/14157690002)',
    )
  })

  test('rings and parks a bot-call, by gateway or by SIP URI with credentials', () => {
    const call = { ...owner, ...routes, ...prefix, channelUuid: A, ringTimeoutSeconds: 60 }
    expect(`${originateBot({ ...call, target: number, callerId: allowed<CallerId>('1') })}`).toBe(
      'originate {origination_uuid=aaaa1111-0000-4000-8000-00000000000a,call-side=0,dial_id=dial-1,' +
        'hookswitch_org_id=org,hookswitch_user_id=user,hookswitch_job=bot-call,origination_caller_id_number=1,' +
        'originate_timeout=60,ignore_early_media=true,send_silence_when_idle=-1,park_after_bridge=true,' +
        'hangup_after_bridge=false,sip_h_Accuvit-Dial-ID=dial-1,sip_h_Accuvit-Dial-Side=0,sip_h_Accuvit-Organization-ID=org,' +
        'sip_h_Accuvit-User-ID=user,sip_h_X-TalkIQ-Callprovider=auto-bot}sofia/gateway/gw/+15105620001 &park()',
    )
    const credentials = { username: allowed<SipUsername>('bob'), password: allowed<SipPassword>('p=1') }
    const bySip = originateBot({ ...call, target: sip, credentials })
    expect(bySip).toContain('hangup_after_bridge=false,sip_auth_username=bob,sip_auth_password=p=1,sip_h_')
    expect(bySip).toEndWith('}sofia/external/sip:bob@10.0.0.1:5060;transport=tcp &park()')
    expect(bySip).not.toContain('caller_id')
  })

  test("rings a load-test with redswitch's headers, blanks quoted", () => {
    const command = originateLoadTest({
      ...owner,
      ...routes,
      target: number,
      channelUuid: A,
      ringTimeoutSeconds: 60,
      leg: allowed('1'),
      dialpadCrm: allowed('my crm'),
      parentCallId: allowed('p1'),
      calleeName: allowed('AT&T  #5'),
      targetKey: allowed('k'),
      topic: allowed('loadtesting'),
    })
    expect(`${command}`).toBe(
      'originate {origination_uuid=aaaa1111-0000-4000-8000-00000000000a,call-side=1,dial_id=dial-1,' +
        'hookswitch_org_id=org,hookswitch_user_id=user,hookswitch_job=load-test,origination_caller_id_number=1,' +
        "originate_timeout=60,ignore_early_media=true,sip_h_X-Dialpad-CRM='my crm'," +
        'sip_h_X-Dialpad-OrganizationId=org,sip_h_X-Dialpad-CallLeg=1,sip_h_X-Dialpad-CallLegTag=1,' +
        "sip_h_X-Dialpad-ParentCallId=p1,sip_h_X-Dialpad-CalleeName='AT&T  #5',sip_h_X-Dialpad-TargetKey=k," +
        'sip_h_X-Dialpad-Topic=loadtesting}sofia/gateway/gw/+15105620001 &park()',
    )
  })

  test('rings a barger, who has no side and no keypad', () => {
    const command = originateBarge({
      ...owner,
      ...routes,
      target: number,
      callerId: allowed<CallerId>('7777777777'),
      channelUuid: B,
      targetChannelUuid: A,
      ringTimeoutSeconds: 30,
    })
    expect(`${command}`).toBe(
      'originate {origination_uuid=aaaa1111-0000-4000-8000-00000000000b,' +
        'barge-id=aaaa1111-0000-4000-8000-00000000000b,dial_id=dial-1,hookswitch_org_id=org,' +
        'hookswitch_user_id=user,hookswitch_job=barge,origination_caller_id_number=7777777777,' +
        'originate_timeout=30,ignore_early_media=true,eavesdrop_enable_dtmf=false}' +
        'sofia/gateway/gw/+15105620001 &eavesdrop(aaaa1111-0000-4000-8000-00000000000a)',
    )
  })

  test('throws on a ring time that is none, and on a forged value: those are bugs', () => {
    const call = { ...owner, ...routes, ...prefix, target: number, channelUuid: A, ringTimeoutSeconds: 60 }
    for (const ringTimeoutSeconds of [0, -1, 1.5, Number.NaN, 3_601])
      expect(() => originateBot({ ...call, ringTimeoutSeconds })).toThrow(
        'a ring time is 1-3600 whole seconds',
      )
    for (const dialId of ['', 'a,b', 'a}', 'a:_:b', 'ARRAY::x', ' a', 'a\nb', "a'b"])
      expect(() => originateBot({ ...call, dialId: allowed<never>(dialId) })).toThrow(
        'holds nothing that splits',
      )
    expect(() => originateBot({ ...call, headerPrefix: allowed<never>('X=') })).toThrow('a plain name')
    expect(() => originateBot({ ...call, gateway: allowed<never>('mod_event_socket') })).toThrow(
      'event socket',
    )
  })
})

describe('a command for a call that is up', () => {
  const wav = allowed<MediaPath>('/sounds/a.wav')
  const cases: [string, string][] = [
    [commands.hangUpChannel(A, 'NORMAL_CLEARING'), `uuid_kill ${A} NORMAL_CLEARING`],
    [commands.bridgeChannels(A, B), `uuid_bridge ${A} ${B}`],
    [commands.playToBoth(A, wav), `uuid_broadcast ${A} /sounds/a.wav both`],
    [commands.stopPlayback(A), `uuid_break ${A} all both`],
    [commands.startBackground(A, wav), `uuid_displace ${A} start /sounds/a.wav 0 mux`],
    [commands.stopBackground(A, wav), `uuid_displace ${A} stop /sounds/a.wav`],
    [commands.channelExists(A), `uuid_exists ${A}`],
    [commands.dumpChannel(A), `uuid_dump ${A} json`],
    [commands.listChannels(), 'show channels as json'],
    [commands.listCalls(), 'show calls as json'],
    [commands.fileExists(wav), 'file_exists /sounds/a.wav'],
    [commands.switchStatus(), 'status'],
  ]
  test.each(cases)('is %s', (command, wire) => expect(`${command}`).toBe(wire))

  test('throws where both channels are the same: the switch would leave it in limbo', () => {
    expect(() => commands.bridgeChannels(A, A)).toThrow('not bridged to itself')
  })

  test('sets who hears a supervisor by an event of our own', () => {
    const digits = (['nobody', 'b-leg', 'a-leg', 'both'] as const).map(who =>
      wireOf(messagePacket(commands.superviseAs(B, who))),
    )
    expect(digits[0]).toBe(
      `sendevent CUSTOM\nEvent-Subclass: hookswitch::supervise\nunique-id: ${B}\neavesdrop-command: 0\n\n`,
    )
    expect(digits.map(wire => wire.at(-3))).toEqual(['0', '1', '2', '3'])
  })
})

describe('the last line of defence', () => {
  test('throws on everything that is not one line of printable ASCII', () => {
    for (const text of ['', 'a\nb', 'a\rb', 'a\0b', 'é', '\t', 'x'.repeat(16_385)])
      expect(() => asCommand(text)).toThrow('a command is')
    for (const text of ['api reload mod_event_socket', 'x Mod_Event_Socket'])
      expect(() => asCommand(text)).toThrow('event socket module')
  })
  test('throws on a message whose header would become two', () => {
    const headers = [['a', 'b\nc: d']] as const
    expect(() => messagePacket({ eventName: 'CUSTOM', headers })).toThrow('no line end')
    expect(() => messagePacket({ eventName: 'CUSTOM\n', headers: [] })).toThrow('no line end')
  })
})
