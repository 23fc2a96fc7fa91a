// What a PBX may send as text, and how: a phone rings whatever its caller is called, and shows what can be shown. Each table
// is a kind of text with its siblings; what is truly wrong is in badInput.test.ts.
import { beforeAll, describe, expect, test } from 'bun:test'
import { naked, registerPhone } from '../../harness/client.ts'
import { forAllTests } from '../../harness/forAllTests.ts'
import { startVendorService } from '../../harness/vendor.ts'
import { bytes, FORM, JSON_TYPE, rings as ringsAt } from './ringing.ts'

const [, service] = forAllTests(startVendorService, {
  RATE_LIMIT: '0',
  APP_PUSH_ROUNDTRIP_WAIT: '20000',
  WAITS_PER_ACCOUNT: '1000',
})
beforeAll(async () => {
  expect(await registerPhone(service.publicUrl, { sip_user_id: '1001' })).toBe(201)
})

const rings = (body: string | Uint8Array, type?: string) => ringsAt(service, body, type)
const call = 'sip_user_id=1001&phonenumber=0123456789&call_id={id}'

/** As bytes, one a character; then as the phone shows them. */
const NAMES: [string, string, string][] = [
  ['UTF-8', 'J\xc3\xbcrgen', 'Jürgen'],
  ['Latin-1', 'J\xfcrgen', 'Jürgen'],
  ['Latin-1 at its end', 'Andr\xe9', 'André'],
  ['Latin-1 and nothing else', '\xc4\xd6\xdc', 'ÄÖÜ'],
  ['what Windows calls Latin-1', '\x80 50 \x96 \x93Bar\x94', '€ 50 – “Bar”'],
  ['UTF-8 cut in half', 'J\xc3\xbcrgen M\xc3', 'Jürgen M'],
  ['a euro cut in half', 'ten \xe2\x82', 'ten'],
  ['a smile cut in half', 'ha\xc3\xa4 \xf0\x9f\x98', 'haä'],
  ['UTF-8 and Latin-1 together', 'J\xc3\xbcrgen M\xfcller', 'Jürgen Müller'],
  ['an overlong slash', '\xc0\xaf', 'À¯'],
  ['half a surrogate pair', 'a\xed\xa0\x80b', 'ab'],
  ['bytes that no charset has', 'a\xff\xfeb', 'aÿþb'],
  ['a tab', 'Ann\tSmith', 'Ann Smith'],
  ['CR LF', 'Ann\r\nSmith', 'Ann Smith'],
  ['CR LF around it', '\r\nAnn\r\n', 'Ann'],
  ['blanks around and within', '  Ann    Smith ', 'Ann Smith'],
  ['a NUL', 'Ann\0Smith', 'AnnSmith'],
  ['a bell and an escape', 'Ann\x07\x1b[31m', 'Ann[31m'],
  ['DEL', 'Ann\x7f', 'Ann'],
  ['a next-line control', 'Ann\xc2\x85Smith', 'Ann Smith'],
  ['a line separator', 'Ann\xe2\x80\xa8Smith', 'Ann Smith'],
  ['a blank that does not break', 'Ann\xc2\xa0Smith', 'Ann Smith'],
  ['an override of its direction', 'Ann\xe2\x80\xaegnp.exe', 'Anngnp.exe'],
  ['isolates and marks', '\xe2\x81\xa6A\xe2\x81\xa9\xe2\x80\x8fB\xd8\x9c', 'AB'],
  ['a byte-order mark', '\xef\xbb\xbfAnn', 'Ann'],
  ['a character that is none', 'A\xef\xbf\xbf\xef\xbf\xbdB', 'AB'],
  ['Arabic, as it is written', '\xd8\xb3\xd9\x84\xd8\xa7\xd9\x85', 'سلام'],
  ['a family', '\xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x91\xa7', '👩‍👧'],
  ['markup', '<b>Ann</b> & "Co"', '<b>Ann</b> & "Co"'],
  ['256 characters', 'x'.repeat(256), 'x'.repeat(255)],
  ['thousands of characters', 'x'.repeat(9_000), 'x'.repeat(255)],
  ['130 smiles', '\xf0\x9f\x98\x80'.repeat(130), '😀'.repeat(130)],
  ['300 smiles', '\xf0\x9f\x98\x80'.repeat(300), '😀'.repeat(255)],
  ['nothing but controls', '\x01\x02', ''],
  ['nothing', '', ''],
]

const percent = (text: string) =>
  text.replace(/[^A-Za-z0-9]/g, each => `%${each.charCodeAt(0).toString(16).padStart(2, '0')}`)

describe.concurrent('a caller’s name', () => {
  test.each(NAMES)('in %s rings, and is shown', async (_, given, caller_id) => {
    // As it is, but for what a form ends a field with, or reads otherwise.
    const plain = given.replace(/[&%+]/g, percent)
    expect(await rings(bytes(`${call}&caller_id=${plain}`))).toMatchObject({ caller_id })
    expect(await rings(`${call}&caller_id=${percent(given)}`)).toMatchObject({ caller_id })
    const quoted = given.replace(/["\\]/g, each => `\\${each}`)
    expect(
      await rings(
        bytes(`{"sip_user_id":"1001","phonenumber":"1","call_id":"{id}","caller_id":"${quoted}"}`),
        JSON_TYPE,
      ),
    ).toMatchObject({ caller_id })
    const part = (name: string, value: string) =>
      `--xYz\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`
    const parts = [
      ...Object.entries({ sip_user_id: '1001', phonenumber: '1', call_id: '{id}', caller_id: given }),
    ].map(([name, value]) => part(name, value))
    expect(
      await rings(bytes(`${parts.join('')}--xYz--\r\n`), 'multipart/form-data; boundary=xYz'),
    ).toMatchObject({ caller_id })
  })

  test.each([
    ['iso-8859-1', 'J\xfcrgen', 'Jürgen'],
    ['"ISO-8859-1"', 'J\xfcrgen', 'Jürgen'],
    ['windows-1251', '\xc8\xe2\xe0\xed', 'Иван'],
    ['iso-8859-2', 'Ko\xb9ice', 'Košice'],
    ['utf-8', 'J\xc3\xbcrgen', 'Jürgen'],
    ['iso-8859-1', 'J\xc3\xbcrgen', 'Jürgen'],
    ['utf-8', 'J\xfcrgen', 'Jürgen'],
    ['klingon', 'J\xfcrgen', 'Jürgen'],
  ])('in a form of charset=%s is read so, unless it is UTF-8', async (charset, given, caller_id) => {
    const type = `${FORM}; charset=${charset}`
    expect(await rings(bytes(`${call}&caller_id=${given}`), type)).toMatchObject({ caller_id })
    expect(await rings(`${call}&caller_id=${percent(given)}`, type)).toMatchObject({ caller_id })
  })

  test.each([
    ['a number', '12345', '12345'],
    ['half of a smile', '"ha \\ud83d"', 'ha'],
    ['escaped controls', '"a\\u0000b\\tc\\u202e"', 'ab c'],
    ['null', 'null', ''],
  ])('in JSON as %s rings', async (_, value, caller_id) => {
    const body = `{"sip_user_id":"1001","phonenumber":"1","call_id":"{id}","caller_id":${value}}`
    expect(await rings(body, JSON_TYPE)).toMatchObject({ caller_id })
  })
})

/** As a PBX has them; then as the phone shows them. */
const NUMBERS: [string, string][] = [
  ['0123456789', '0123456789'],
  ['+4930123456', '+4930123456'],
  ['+49 (30) 123-456', '+49 (30) 123-456'],
  ['anonymous', 'anonymous'],
  ['Anonymous', 'Anonymous'],
  ['Restricted', 'Restricted'],
  ['alice', 'alice'],
  ['*97', '*97'],
  ['#31#0301234', '#31#0301234'],
  ['030\u20131234', '030\u20131234'],
  ['030\u00a0123', '030 123'],
  ['', 'anonymous'],
  ['   ', 'anonymous'],
  ['\r\n', 'anonymous'],
  ['\u0000', 'anonymous'],
  ['0301234\r\n', '0301234'],
  [' 0301234 ', '0301234'],
  ['03012\n34', '03012 34'],
  ['\u202e4321030', '4321030'],
  ['0123;ext=1', '0123;ext=1'],
  ['tel:+4930123', '+4930123'],
  ['tel:+49-30-123;phone-context=example.com', '+49-30-123'],
  ['TEL: +49 30 123', '+49 30 123'],
  ['sip:+4930123@pbx.example.com', '+4930123'],
  ['sips:+4930123@pbx.example.com;user=phone', '+4930123'],
  ['sip:alice@example.com', 'alice'],
  ['sip:alice:secret@example.com?subject=x', 'alice'],
  ['sip:%2B4930123@example.com', '+4930123'],
  ['sip:4930%zz@example.com', '4930%zz'],
  ['"Ann" <sip:+4930123@example.com>;tag=1', '+4930123'],
  ['<tel:+4930123>', '+4930123'],
  ['sip:+4930123', '+4930123'],
  ['sip:anonymous@anonymous.invalid', 'anonymous'],
  ['sip:@example.com', 'anonymous'],
  ['tel:', 'anonymous'],
  ['1'.repeat(33), '1'.repeat(33)],
  ['1'.repeat(90), '1'.repeat(64)],
]

describe.concurrent('a caller’s number', () => {
  test.each(NUMBERS)('%j rings, and is shown as %j', async (given, phonenumber) => {
    const form = `sip_user_id=1001&call_id={id}&phonenumber=${encodeURIComponent(given)}`
    expect(await rings(form)).toMatchObject({ phonenumber })
    const json = JSON.stringify({ sip_user_id: 1001, call_id: '{id}', phonenumber: given })
    expect(await rings(json, JSON_TYPE)).toMatchObject({ phonenumber })
  })

  test.each([
    ['+4930123456', '+4930123456'],
    ['%2B49+30+123', '+49 30 123'],
    ['%2b4930123+', '+4930123'],
    ['%204930123', '4930123'],
    [' 4930123', '4930123'],
    ['%0A+4930123', '4930123'],
    ['+0301234', '0301234'],
    ['++4930123', '4930123'],
    ['49+30+123', '49 30 123'],
    ['(+49)+30', '(+49) 30'],
    ['tel:+4930123', '+4930123'],
    ['sip:+4930123@example.com', '+4930123'],
    ['sip%3A+4930123%40example.com', '+4930123'],
    ['<sip:+4930123@example.com>', '+4930123'],
    ['Anonymous+Caller', 'Anonymous Caller'],
    ['+', 'anonymous'],
    ['100%', '100%'],
    ['%', '%'],
    ['%4', '%4'],
    ['%zz1', '%zz1'],
  ])('as the form %j is %j: a plus that begins it was meant as one', async (given, phonenumber) => {
    expect(await rings(`sip_user_id=1001&call_id={id}&phonenumber=${given}`)).toMatchObject({ phonenumber })
  })

  test.each([
    ['4930123', '4930123'],
    ['493012345678901', '493012345678901'],
    ['49301234567890123456', '49301234567890123456'],
    ['1.5', '1.5'],
    ['0', '0'],
  ])('as the JSON number %s is its digits', async (given, phonenumber) => {
    const body = `{"sip_user_id":1001,"call_id":"{id}","phonenumber":${given}}`
    expect(await rings(body, JSON_TYPE)).toMatchObject({ phonenumber })
  })
})

describe.concurrent('a body', () => {
  const MARK = '\xef\xbb\xbf'
  const json = '{"sip_user_id":"1001","phonenumber":"1","caller_id":"Ann","call_id":"{id}"}'
  const named = `${call}&caller_id=Ann`
  test.each([
    ['a form with a mark before it', FORM, MARK + named],
    ['a form with a line end behind it', FORM, `${named}\r\n`],
    ['a form with several line ends behind it', FORM, `${named}\n\r\n\n`],
    [
      'a form with blanks around every value',
      FORM,
      named.replaceAll('=', '=+').replaceAll('&', '%20%0d%0a&'),
    ],
    ['a form with ampersands to spare', FORM, `&&${named}&&`],
    ['a form whose names are encoded', FORM, named.replaceAll('_', '%5F')],
    ['a form that repeats a field', FORM, `caller_id=Bob&${named}`],
    ['a form of 100 fields', FORM, `${named}${'&x=1'.repeat(96)}`],
    ['a form in capitals', FORM.toUpperCase(), named],
    ['JSON with a mark before it', JSON_TYPE, MARK + json],
    ['JSON with line ends around it', JSON_TYPE, `\r\n${json}\r\n`],
    [
      'JSON with blanks around every value',
      JSON_TYPE,
      json.replaceAll(':"', ':" \\t').replaceAll('"}', '\\r\\n"}'),
    ],
    ['JSON under a charset', `${JSON_TYPE};charset=iso-8859-1`, json],
  ])('that is %s rings', async (_, type, body) => {
    expect(await rings(bytes(body), type)).toMatchObject({ caller_id: 'Ann' })
  })

  test.each(['', ' ', '\r\n'])('in parts, with %j around its values, rings', async around => {
    const form = new FormData()
    for (const [name, value] of Object.entries({
      sip_user_id: '1001',
      phonenumber: '+49 30 1',
      caller_id: 'Jürgen',
    }))
      form.set(name, around + value + around)
    form.set('call_id', '{id}')
    const encoded = new Response(form)
    const type = encoded.headers.get('content-type')!
    const body = await encoded.text()
    expect(await rings(body, type)).toEqual({ phonenumber: '+49 30 1', caller_id: 'Jürgen' })
  })

  test.each([
    ['101 fields', FORM, 'x=1&'.repeat(101)],
    ['65,536 fields without names', FORM, '+&'.repeat(32_768)],
    ['101 fields in JSON', JSON_TYPE, `{${Array.from({ length: 101 }, (_, at) => `"x${at}":1`).join()}}`],
  ])('of %s is 400', async (_, type, body) => {
    const answer = await fetch(`${service.publicUrl}/api/incoming-call/`, {
      method: 'POST',
      body,
      headers: { 'content-type': type },
    })
    expect(answer.status).toBe(400)
    expect(await answer.text()).toContain('at most 100 fields')
  })
})

describe.concurrent('a call id', () => {
  const ask = async (field: string, type = FORM, body = `sip_user_id=nobody&phonenumber=1&${field}`) => {
    const answer = await fetch(`${service.publicUrl}/api/incoming-call/`, {
      method: 'POST',
      body,
      headers: { 'content-type': type, accept: JSON_TYPE },
    })
    expect(answer.status).toBe(200)
    return ((await answer.json()) as { call_id: string }).call_id
  }

  test.each([
    ['call_id=a%2Bb', 'a+b'],
    ['call_id=a%20b', 'a b'],
    ['call_id=a+b', 'a b'],
    ['call_id=ab+cd/ef==', 'ab+cd/ef=='],
    ['call_id=ab+cd@10.0.0.1', 'ab+cd@10.0.0.1'],
    ['call_id=ab+cd%40host', 'ab cd@host'],
    ['call_id=+a+', 'a'],
    ['call_id=%0d%0aa%09', 'a'],
    [`call_id=${'x'.repeat(255)}%0d%0a`, 'x'.repeat(255)],
  ])('as %s rings', async (field, callId) => {
    expect(await ask(field)).toBe(callId)
  })

  test('in JSON rings with plus and blank', async () => {
    for (const callId of ['a+b', 'a b', '1 + 1 = 2', ' a '])
      expect(
        await ask(
          '',
          JSON_TYPE,
          JSON.stringify({ sip_user_id: 'nobody', phonenumber: '1', call_id: callId }),
        ),
      ).toBe(callId.trim())
  })
})

describe.concurrent('the answer', () => {
  test.each([
    [undefined, 'text'],
    ['*/*', 'text'],
    ['', 'text'],
    ['text/plain', 'text'],
    ['application/json', 'JSON'],
    ['APPLICATION/JSON', 'JSON'],
    ['application/json; charset=utf-8', 'JSON'],
    ['application/*', 'JSON'],
    ['application/json, text/plain, */*', 'text'],
    ['application/json, text/plain', 'text'],
    ['text/plain, application/json', 'text'],
    ['application/json, */*', 'text'],
    ['application/json, */*;q=0.8', 'JSON'],
    ['application/json;q=0.9, text/plain', 'text'],
    ['application/json, text/plain;q=0.9', 'JSON'],
    ['application/json;q=0.5, text/*;q=0.4', 'JSON'],
    ['application/json;q=0', 'text'],
    ['application/json;q=0.0, */*', 'text'],
    ['application/json;q=0, application/*', 'text'],
    ['application/json ; q = 1', 'JSON'],
    ['text/html, application/xhtml+xml, application/xml;q=0.9, */*;q=0.8', 'text'],
    ['application/problem+json', 'text'],
    ['application/jsonlines', 'text'],
    ['application/json;q=nonsense', 'JSON'],
    ['text/*;q=0, application/json;q=0.1', 'JSON'],
  ])('for Accept: %s is %s', async (accept, form) => {
    const answer = await fetch(`${service.publicUrl}/api/incoming-call/`, {
      method: 'POST',
      body: 'sip_user_id=nobody&phonenumber=1',
      headers: { 'content-type': FORM, ...(accept === undefined ? {} : { accept }) },
    })
    const text = await answer.text()
    const { body, reason } = naked('no-device')
    expect(answer.headers.get('x-hookswitch-reason')).toBe(reason)
    if (form === 'text') expect(text).toBe(body)
    else expect(JSON.parse(text)).toMatchObject({ status: 'NAK', reason: 'no-device' })
  })
})

test('nothing of all this was a failure of the service', () => {
  expect(service.log.filter(line => line.level === 'error')).toEqual([])
})
