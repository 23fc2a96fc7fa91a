// What the public listener takes of a PBX's HTTP and what it does not, as docs/pbx-recipes.md says row by row. It is Bun's
// own; a row that changes with another Bun changes that page.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { connect } from 'node:net'
import pino from 'pino'
import { openService, type Service } from '../../src/app/service.ts'
import type { Log } from '../../src/base/log.ts'
import { createMetrics } from '../../src/base/metrics.ts'
import { readConfig } from '../../src/config/config.ts'
import { openApps } from '../../src/push/apps.ts'
import { eventually } from '../harness/internal.ts'
import { startRedis, type TestRedis } from '../harness/redis.ts'

let redis: TestRedis
let service: Service
beforeAll(async () => {
  redis = await startRedis()
  const config = readConfig({
    ROLE: 'front',
    ...{ HOST: '127.0.0.1', PORT: '0', INTERNAL_PORT: '0', SOCKET_PORT: '0' },
    PUBSUB_REDIS_URL: redis.url,
    // Longer than any of these tests: what ends a held request is what it is sent.
    APP_PUSH_ROUNDTRIP_WAIT: '60000',
    APP_PUSH_RESEND_INTERVAL: '60000',
  })
  if (!config.ok) throw new Error(config.failure.join())
  const log = pino({ level: 'silent' }) as unknown as Log
  service = await openService({
    ...{ config: config.value, log, apps: openApps(undefined, { log }), metrics: createMetrics() },
    ...{ pod: 'limits-test', isPretty: false },
  })
  const registered = await fetch(`${service.publicUrl}/api/android-device/`, {
    method: 'POST',
    body: new URLSearchParams({ sip_user_id: 'sleeper', token: 'a-token', app: 'com.example.phone' }),
  })
  expect(registered.status).toBe(201)
})
afterAll(async () => {
  await service.stop()
  await redis.close()
})

interface Sent {
  /** One that has a phone is held; one that has none is answered at once. */
  account?: 'sleeper' | 'nobody'
  protocol?: string
  headers?: string[]
  behind?: string
  isChunked?: boolean
}

let count = 0

function request({
  account = 'nobody',
  protocol = 'HTTP/1.1',
  headers = [],
  behind = '',
  isChunked,
}: Sent): string {
  const body = `sip_user_id=${account}&phonenumber=1&call_id=limits-${++count}`
  const length = isChunked ? 'Transfer-Encoding: chunked' : `Content-Length: ${body.length}`
  return [
    `POST /api/incoming-call/ ${protocol}`,
    'Host: wake.example.com',
    'Content-Type: application/x-www-form-urlencoded',
    ...headers,
    length,
    '',
    `${isChunked ? `${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n` : body}${behind}`,
  ].join('\r\n')
}

/** Sends it on a connection of its own. @returns the statuses that came, until `answers` are there or it was closed. */
function say(text: string, { answers = 1, halfCloses = false } = {}): Promise<string[]> {
  const { hostname, port } = new URL(service.publicUrl!)
  const { promise, resolve } = Promise.withResolvers<string[]>()
  let heard = ''
  const statuses = () => [...heard.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => status!)
  const socket = connect({ host: hostname, port: Number(port), allowHalfOpen: true })
  socket.on('data', bytes => {
    heard += bytes.toString('latin1')
    if (statuses().length >= answers) resolve(statuses())
  })
  socket.on('end', () => resolve(statuses()))
  socket.on('error', () => resolve(statuses()))
  if (halfCloses) socket.end(text)
  else socket.write(text)
  return promise.finally(() => socket.destroy())
}

const held = (): number => service.front!.waits(1).held

describe('the public listener', () => {
  test.each<[string, () => string, string[]]>([
    ['a plain request', () => request({}), ['200']],
    ['HTTP/1.0', () => request({ protocol: 'HTTP/1.0' }), ['200']],
    ['a chunked body', () => request({ isChunked: true }), ['200']],
    ['one that asks before its body', () => request({ headers: ['Expect: 100-continue'] }), ['100', '200']],
    [
      'a line end behind the body, and Connection: close',
      () => request({ headers: ['Connection: close'], behind: '\r\n' }),
      ['200'],
    ],
  ])('takes %s', async (_, text, statuses) => {
    expect(await say(text(), { answers: statuses.length })).toEqual(statuses)
  })

  test.each<[string, () => string, string]>([
    ['a line end behind the body', () => request({ account: 'sleeper', behind: '\r\n' }), '400'],
    ['lines that end in LF alone', () => request({}).replaceAll('\r\n', '\n'), '505'],
  ])('refuses %s', async (_, text, status) => {
    expect(await say(text())).toEqual([status])
  })

  test('takes the next request on a connection that is kept', async () => {
    const answers: number[] = []
    for (const callId of ['kept-1', 'kept-2']) {
      const body = new URLSearchParams({ sip_user_id: 'nobody', phonenumber: '1', call_id: callId })
      answers.push((await fetch(`${service.publicUrl}/api/incoming-call/`, { method: 'POST', body })).status)
    }
    expect(answers).toEqual([200, 200])
  })

  test('takes a half-closed connection for a caller who has left', async () => {
    expect(await say(request({ account: 'sleeper' }), { halfCloses: true })).toEqual([])
    await eventually('the wait ends', async () => held() === 0)
  })

  test('drops a held request behind which a second one is sent', async () => {
    const next = 'GET /healthz HTTP/1.1\r\nHost: wake.example.com\r\n\r\n'
    expect(await say(`${request({ account: 'sleeper' })}${next}`)).toEqual([])
    await eventually('the wait ends', async () => held() === 0)
  })
})
