// Bodies as a whole: too large, of the wrong type, broken, or binary. Written byte by byte where a client library would
// not send such a thing.
import { describe, expect, test } from 'bun:test'
import { forAllTests } from '../../harness/forAllTests.ts'
import { RawClient } from '../../harness/rawHttp.ts'
import { startService } from '../../harness/service.ts'

const LIMIT_BYTES = 64 * 1024

const [, service] = forAllTests(startService, { RATE_LIMIT: '0' })

const JSON_TYPE = 'application/json'
const FORM_TYPE = 'application/x-www-form-urlencoded'

interface RawAnswer {
  status: number
  type: string | undefined
  text: string
}

/** Posts bytes over a socket. @param chunks sent with chunked transfer encoding, or as one with its length. */
async function post(
  type: string | undefined,
  chunks: (string | Uint8Array)[],
  isChunked: boolean,
): Promise<RawAnswer> {
  const { hostname, port } = new URL(service.publicUrl)
  const bytes = chunks.map(each => Buffer.from(each))
  const head = [
    'POST /api/incoming-call/ HTTP/1.1',
    `Host: ${hostname}`,
    ...(type === undefined ? [] : [`Content-Type: ${type}`]),
    isChunked ? 'Transfer-Encoding: chunked' : `Content-Length: ${Buffer.concat(bytes).length}`,
    'Connection: close',
    '\r\n',
  ].join('\r\n')
  const framed = isChunked
    ? [...bytes.flatMap(each => [Buffer.from(`${each.length.toString(16)}\r\n`), each, '\r\n']), '0\r\n\r\n']
    : bytes
  const request = Buffer.concat([head, ...framed].map(each => Buffer.from(each)))

  let answer = ''
  let sent = 0
  const { promise: ended, resolve } = Promise.withResolvers<void>()
  const sendOn = (socket: Bun.Socket) => {
    if (sent < request.length) sent += socket.write(request.subarray(sent))
  }
  await Bun.connect({
    hostname,
    port: Number(port),
    socket: {
      open: sendOn,
      drain: sendOn,
      data: (_, data) => {
        answer += data.toString()
      },
      close: () => resolve(),
      error: () => resolve(),
    },
  })
  await ended
  const [headers = '', ...rest] = answer.split('\r\n\r\n')
  return {
    status: Number(/^HTTP\/1\.1 (\d+)/.exec(headers)?.[1]),
    type: /^content-type: *(.+)$/im.exec(headers)?.[1],
    text: rest.join('\r\n\r\n'),
  }
}

/** Posts bytes as a client that closes afterwards. @param behind what it sends beyond the length that it named. */
async function postOnce(version: string, body: string, behind: string): Promise<string> {
  const head = `POST /api/incoming-call/ HTTP/${version}\r\nHost: a\r\nContent-Type: ${FORM_TYPE}\r\nConnection: close\r\n`
  const client = RawClient.at(service.publicUrl)
  const answer = await client.ask(`${head}Content-Length: ${body.length}\r\n\r\n${body}${behind}`)
  client.close()
  return `${answer?.status} ${answer?.body}`
}

test('a line end behind the body, which check_http sends, is no part of the request', async () => {
  for (const version of ['1.0', '1.1'])
    for (const behind of ['\r\n', '\n', '\r\n\r\n'])
      expect(await postOnce(version, 'sip_user_id=nobody&phonenumber=1', behind)).toBe('200 status=NAK')
})

const right = 'sip_user_id=nobody&phonenumber=1&pad='
const padTo = (length: number) => right + 'x'.repeat(length - right.length)

describe('a body', () => {
  for (const isChunked of [false, true]) {
    const how = isChunked ? 'in chunks' : 'with its length'
    const post1 = (text: string) => post(FORM_TYPE, isChunked ? splitUp(text) : [text], isChunked)

    test(`of 64 KiB ${how} is read`, async () => {
      const { status, text } = await post1(padTo(LIMIT_BYTES))
      expect([status, text]).toEqual([200, 'status=NAK'])
    })

    test(`of a byte more ${how} is 413`, async () => {
      const { status, type, text } = await post1(padTo(LIMIT_BYTES + 1))
      expect(status).toBe(413)
      expect(type).toBe('application/problem+json')
      expect(JSON.parse(text)).toMatchObject({ status: 413, title: 'Content Too Large' })
    })

    test(`${how} is measured in bytes, not in letters`, async () => {
      const letters = `${right}${'€'.repeat(LIMIT_BYTES / 2)}`
      expect((await post1(letters)).status).toBe(413)
    })

    test(`of many megabytes ${how} is refused and costs the service nothing`, async () => {
      expect((await post1(padTo(8 * 1024 * 1024))).status).toBe(413)
      expect((await fetch(`${service.publicUrl}/healthz`)).status).toBe(200)
    })
  }
})

const json = '{"sip_user_id":"nobody","phonenumber":"1"}'
const form = 'sip_user_id=nobody&phonenumber=1'

describe('a body that is', () => {
  const cases: [string, string | undefined, string | Uint8Array, number, string][] = [
    ['JSON', JSON_TYPE, json, 200, ''],
    ['JSON with a character set', 'application/json; charset=utf-8', json, 200, ''],
    ['JSON under a type in capitals', 'Application/JSON', json, 200, ''],
    ['a form', FORM_TYPE, form, 200, ''],
    ['a form with a character set', `${FORM_TYPE};charset=UTF-8`, form, 200, ''],
    ['broken JSON', JSON_TYPE, '{"sip_user_id":', 400, 'not valid JSON'],
    ['a form under the name of JSON', JSON_TYPE, form, 400, 'not valid JSON'],
    ['a JSON list', JSON_TYPE, '[1]', 400, 'must be a JSON object'],
    ['a JSON text', JSON_TYPE, '"text"', 400, 'must be a JSON object'],
    ['a JSON null', JSON_TYPE, 'null', 400, 'must be a JSON object'],
    ['a JSON number', JSON_TYPE, '1', 400, 'must be a JSON object'],
    ['nothing, as JSON', JSON_TYPE, '', 400, 'not valid JSON'],
    ['nothing, as a form', FORM_TYPE, '', 400, 'sip_user_id is required'],
    ['nothing, of no type', undefined, '', 400, 'sip_user_id is required'],
    ['JSON under the name of a form', FORM_TYPE, json, 400, 'sip_user_id is required'],
    ['of another type', 'text/xml', '<sip_user_id/>', 415, 'application/json'],
    ['in no parts', 'multipart/form-data; boundary=x', '--x--', 400, 'sip_user_id is required'],
    ['in broken parts', 'multipart/form-data; boundary=x', '--y--', 400, 'not valid multipart'],
    ['in parts without a boundary', 'multipart/form-data', '--x--', 400, 'not valid multipart'],
    ['of a type that only begins like JSON', 'application/jsonlines', json, 415, 'application/json'],
    ['of no type', undefined, form, 415, 'application/json'],
    ['binary in a form', FORM_TYPE, bytes('sip_user_id=', 0xff, 0xfe, 0x00), 400, 'sip_user_id must be'],
    ['binary, percent-encoded', FORM_TYPE, 'sip_user_id=%ff%fe&phonenumber=1', 400, 'sip_user_id must be'],
    ['binary in a caller id', FORM_TYPE, bytes(`${form}&caller_id=`, 0xe9, 0x80), 200, ''],
    [
      'binary in JSON',
      JSON_TYPE,
      bytes('{"sip_user_id":"', 0xff, '","phonenumber":"1"}'),
      400,
      'sip_user_id',
    ],
    ['nested a hundred thousand deep', JSON_TYPE, '['.repeat(60_000), 400, ''],
    ['of a form that repeats a field', FORM_TYPE, `sip_user_id=a%20b&${form}`, 200, ''],
    ['JSON that reaches for a prototype', JSON_TYPE, `{"__proto__":{"sip_user_id":"1"}}`, 400, 'is required'],
    ['a form that reaches for one', FORM_TYPE, `__proto__=x&constructor=y&${form}`, 200, ''],
  ]
  for (const [what, type, body, status, detail] of cases) {
    test(`${what} is ${status}`, async () => {
      for (const isChunked of [false, true]) {
        const answer = await post(type, body.length === 0 ? [] : [body], isChunked)
        expect(answer.status).toBe(status)
        if (status === 200) expect(answer.text).toBe('status=NAK')
        else {
          expect(answer.type).toBe('application/problem+json')
          expect((JSON.parse(answer.text) as { detail: string }).detail).toContain(detail)
        }
      }
    })
  }
})

test('nothing of all this was a failure of the service', () => {
  expect(service.log.filter(line => line.level === 'error')).toEqual([])
})

function bytes(...parts: (string | number)[]): Uint8Array {
  return Buffer.concat(
    parts.map(each => (typeof each === 'string' ? Buffer.from(each) : Buffer.from([each]))),
  )
}

/** In pieces of a size that no boundary of ours falls on, not even one between letters. */
function splitUp(text: string): Uint8Array[] {
  const all = Buffer.from(text)
  const PIECE_BYTES = 10_007
  const count = Math.ceil(all.length / PIECE_BYTES)
  return Array.from({ length: count }, (_, index) =>
    all.subarray(index * PIECE_BYTES, (index + 1) * PIECE_BYTES),
  )
}
