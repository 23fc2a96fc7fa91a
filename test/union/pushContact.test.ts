// What phones write into their Contacts, as FreeSWITCH's events hold it (recorded) and as it is on the wire, and what
// nobody should write there.
import { describe, expect, test } from 'bun:test'
import { type PushAddress, readPushContact } from '../../src/union/pushContact.ts'

const VOIP = 'ab'.repeat(32)
const ALERT = 'cd'.repeat(32)
const apple: PushAddress = {
  vendor: 'apns',
  appName: 'com.example.phone',
  teamId: 'TEAM123456',
  token: VOIP,
  isSandbox: false,
}
const google: PushAddress = {
  vendor: 'fcm',
  appName: 'example-project',
  token: 'c0ffee:APA91bEXAMPLE_x-1',
  isSandbox: false,
}

const { teamId: _, ...teamless } = apple
const onWire = (text: string) => readPushContact({ text, isDecoded: false })
const decoded = (text: string) => readPushContact({ text, isDecoded: true })
const withParameters = (parameters: string) => `<sip:1000@192.0.2.1:5060;transport=tcp;${parameters}>`

describe('what FreeSWITCH has decoded', () => {
  test.each<[string, string, PushAddress]>([
    [
      'Google by project',
      '"" <sip:1000@127.0.0.1:35350;transport=tcp;pn-provider=fcm;pn-param=example-project;pn-prid=c0ffee:APA91bEXAMPLE_x-1;pn-timeout=0;pn-silent=1>',
      google,
    ],
    [
      'Apple with two tokens',
      '"" <sip:1001@127.0.0.1:35364;transport=tcp;pn-provider=apns;pn-param=TEAM123456.com.example.phone.voip&remote;pn-prid=1cd7b34781ef14:voip&aabbccdd:remote;pn-call-str=IC_MSG>',
      { ...apple, token: '1cd7b34781ef14', alertToken: 'aabbccdd' },
    ],
    [
      "Linphone's older words",
      '"" <sip:1002@127.0.0.1:35380;app-id=929724111839;pn-type=firebase;pn-tok=d0d0:APA91bLEGACY;pn-timeout=0;transport=tcp>',
      { ...google, appName: '929724111839', token: 'd0d0:APA91bLEGACY' },
    ],
    [
      'a row of its registrations',
      'sofia/internal/sip:1000@127.0.0.1:35350;pn-provider=fcm;pn-param=example-project;pn-prid=c0ffee:APA91bEXAMPLE_x-1',
      google,
    ],
  ])('%s', (_, contact, address) => {
    expect(decoded(contact)).toEqual({ kind: 'address', address })
  })

  test('is not decoded once more', () => {
    const contact = withParameters(`pn-provider=fcm;pn-param=example-project;pn-prid=c0ffee%3AAPA91b`)
    expect(decoded(contact)).toEqual({ kind: 'unusable', reason: 'no registration token of Google' })
  })
})

describe('what is on the wire', () => {
  test.each<[string, string, PushAddress]>([
    [
      'encoded once',
      withParameters(
        `pn-provider=apns;pn-param=TEAM123456.com.example.phone.voip%26remote;pn-prid=${VOIP}%3Avoip%26${ALERT}%3Aremote`,
      ),
      { ...apple, alertToken: ALERT },
    ],
    [
      'the alert first',
      withParameters(
        `pn-provider=apns;pn-param=TEAM123456.com.example.phone.remote&voip;pn-prid=${ALERT}:remote&${VOIP}:voip`,
      ),
      { ...apple, alertToken: ALERT },
    ],
    [
      'no service',
      withParameters(`pn-provider=apns;pn-param=TEAM123456.com.example.phone;pn-prid=${VOIP}`),
      apple,
    ],
    [
      'a development build',
      withParameters(`pn-provider=apns.dev;pn-param=TEAM123456.com.example.phone.voip;pn-prid=${VOIP}`),
      { ...apple, isSandbox: true },
    ],
    [
      "an iPhone with Linphone's older words",
      withParameters(`app-id=com.example.phone.voip.dev;pn-type=apple;pn-tok=${VOIP}`),
      { ...teamless, isSandbox: true },
    ],
    [
      'capital names and providers',
      withParameters(`PN-Provider=FCM;Pn-Param=example-project;PN-PRID=${google.token}`),
      google,
    ],
    [
      'a URI alone',
      `sips:1000@192.0.2.1;pn-provider=google;pn-param=example-project;pn-prid=${google.token}`,
      google,
    ],
    [
      'the second contact, behind a name with brackets',
      `"a <b> \\" c" <sip:1@192.0.2.9>;q=1, ${withParameters(`pn-provider=fcm;pn-param=example-project;pn-prid=${google.token}`)};expires=60`,
      google,
    ],
    [
      'the first of two equal parameters',
      withParameters(`pn-provider=fcm;pn-param=example-project;pn-prid=${google.token};pn-prid=other:token`),
      google,
    ],
  ])('%s', (_, contact, address) => {
    expect(onWire(contact)).toEqual({ kind: 'address', address })
  })

  test.each([
    ['a phone that wants no push', '<sip:1000@192.0.2.1:5060;transport=tcp>'],
    ['a phone that asks whether we can', withParameters('pn-provider=fcm')],
    [
      'parameters of the header, not of the URI',
      '<sip:1@192.0.2.1>;pn-provider=fcm;pn-param=p;pn-prid=tokentoken',
    ],
    ['parameters of the user', 'sip:1;pn-provider=fcm;pn-param=p;pn-prid=tokentoken@192.0.2.1'],
    ['headers of the URI', 'sip:1@192.0.2.1?x=;pn-provider=fcm;pn-param=p;pn-prid=tokentoken'],
    ['no SIP URI', 'tel:+31;pn-provider=fcm;pn-param=p;pn-prid=tokentoken'],
    ['nothing', ''],
  ])('%s: no address', (_, contact) => {
    expect(onWire(contact)).toEqual({ kind: 'none' })
  })

  test('a star: all contacts', () => {
    expect(onWire(' * ')).toEqual({ kind: 'all' })
  })
})

test.each([
  [
    'a provider of its own',
    'pn-provider=webpush;pn-param=p;pn-prid=tokentoken',
    'a provider that is neither Apple nor Google',
  ],
  [
    'a provider that every object has',
    'pn-provider=constructor;pn-param=p;pn-prid=tokentoken',
    'a provider that is neither Apple nor Google',
  ],
  ['no token', 'pn-provider=fcm;pn-param=p;pn-prid=', 'no registration token of Google'],
  ['a word for no token', 'pn-provider=fcm;pn-param=p;pn-prid=undefined', 'no registration token of Google'],
  [
    'a token with a line end',
    'pn-provider=fcm;pn-param=p;pn-prid=token%0d%0atoken',
    'no registration token of Google',
  ],
  ['encoded twice', 'pn-provider=fcm;pn-param=p;pn-prid=to%253Aken', 'no registration token of Google'],
  ['a broken encoding', 'pn-provider=fcm;pn-param=p;pn-prid=to%E0%A4ken', 'no registration token of Google'],
  [
    'a token that is too long',
    `pn-provider=fcm;pn-param=p;pn-prid=${'a'.repeat(4_097)}`,
    'no registration token of Google',
  ],
  [
    'a project with a path',
    'pn-provider=fcm;pn-param=..%2F..%2Fsecret;pn-prid=tokentoken',
    'no project or sender id',
  ],
  ['no bundle', `pn-provider=apns;pn-param=;pn-prid=${VOIP}`, 'no bundle id'],
  ['a topic with a path', `pn-provider=apns;pn-param=TEAM123456.a%2Fb.voip;pn-prid=${VOIP}`, 'no bundle id'],
  [
    'an Apple token that is no hex',
    'pn-provider=apns;pn-param=a.b.voip;pn-prid=nothexnothex',
    'no device token of Apple',
  ],
  [
    'three Apple tokens',
    `pn-provider=apns;pn-param=a.b.voip;pn-prid=${VOIP}&${VOIP}&${VOIP}`,
    'no device token of Apple',
  ],
  [
    'two of one service',
    `pn-provider=apns;pn-param=a.b.voip;pn-prid=${VOIP}:voip&${ALERT}:voip`,
    'no device token of Apple',
  ],
  [
    'an alert token alone',
    `pn-provider=apns;pn-param=a.b.remote;pn-prid=${ALERT}:remote`,
    'no VoIP token: an alert wakes no phone app',
  ],
  ['a thousand parameters', `${'a=b;'.repeat(1_000)}pn-provider=fcm`, 'too many parameters'],
  ['more than any contact has', 'a'.repeat(20_000), 'longer than any contact'],
])('%s: unusable, and not quoted', (_, parameters, reason) => {
  expect(onWire(withParameters(parameters))).toEqual({ kind: 'unusable', reason })
})

test('a megabyte of brackets and quotes takes no time to speak of', () => {
  expect(onWire('"<'.repeat(500_000))).toEqual({ kind: 'unusable', reason: 'longer than any contact' })
  expect(onWire('"<'.repeat(8_000)).kind).toBe('none')
})
