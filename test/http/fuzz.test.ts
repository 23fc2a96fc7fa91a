// Twenty thousand requests of somebody who may do nothing, made at random from what once opened a listener: none reads
// anything but the pages that are open to all, and none changes anything. A failure prints the request and the seed.
import { expect, test } from 'bun:test'
import { forAllTests } from '../harness/forAllTests.ts'
import { type RawAnswer, RawClient } from '../harness/rawHttp.ts'
import { startService } from '../harness/service.ts'

const REQUESTS_EACH = 10_000
/** Of these, every so manieth has some of its bytes changed, its line ends too. */
const MUTATED_EVERY = 10
const CONNECTIONS = 16
const SEED = Number(process.env.FUZZ_SEED ?? 20_261_130)

const [redis, service] = forAllTests(startService, {
  LOG_LEVEL: 'warn',
  RATE_LIMIT: '0',
  PBX_ALLOW: '192.0.2.1',
  AUTH_MODE: 'upstream',
  AUTH_URL: 'http://127.0.0.1:1/',
  INTERNAL_HOST: '0.0.0.0',
  ADMIN_TOKEN: 'the-token-of-the-operators',
})

/** A small generator of numbers: the same seed makes the same requests (mulberry32). */
function createDice(seed: number) {
  let state = seed
  const next = () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  const below = (limit: number) => Math.floor(next() * limit)
  return {
    below,
    oneOf: <Each>(all: readonly Each[]): Each => all[below(all.length)]!,
    chance: (part: number) => next() < part,
  }
}
type Dice = ReturnType<typeof createDice>

const OPEN_PATHS = {
  public: ['/healthz'],
  internal: ['/healthz', '/readyz', '/', '/page/page.css', '/openapi/public', '/openapi/public/json'],
}

const CLOSED_PATHS = {
  public: [
    '/api/incoming-call/',
    '/api/call-ended/',
    '/api/apns-device/',
    '/api/android-device',
    '/api/check-in/',
    '/api/hangup-reason/',
    '/api/log-metrics/',
    '/api/call-response/',
    '/api/call-response/?wait=0&token=canary',
  ],
  internal: [
    '/metrics',
    '/api/live',
    '/api/calls',
    '/api/calls/canary',
    '/api/calls/canary/hangup',
    '/api/calls/canary/events',
    '/api/devices/canary',
    '/api/timeline/canary',
    '/api/switches/canary/bridge',
  ],
}

const SEPARATORS = [
  '/',
  '//',
  '\\',
  '/./',
  '/../',
  '/.%2e/',
  '/%2e%2e/',
  '/..\\',
  '%2f',
  '%5c',
  ';',
  '%00',
  '/ ',
  '?',
  '#',
]
const HOSTS = [
  'a',
  'ab',
  'abc',
  'hookswitch:9090',
  'localhost',
  '127.0.0.1',
  '[::1]:9090',
  'wake.example.com',
]
const HOST_PIECES = [
  '',
  'a',
  '?',
  '#',
  '/',
  '\\',
  '@',
  ':',
  '[',
  ']',
  '%',
  ' ',
  '\t',
  '.',
  '..',
  ',',
  '\xe9',
  'localhost',
  '::1',
  'healthz',
  '%2f',
  '80',
  '\x00',
]
const METHODS = [
  'GET',
  'GET',
  'GET',
  'POST',
  'POST',
  'DELETE',
  'HEAD',
  'PUT',
  'OPTIONS',
  'get',
  'TRACE',
  'CONNECT',
  'PATCH',
  'BREW',
]
const HEADERS = [
  'X-Forwarded-For: 192.0.2.1',
  'Forwarded: for=192.0.2.1',
  'X-Real-IP: 192.0.2.1',
  'X-Original-URL: /healthz',
  'X-Rewrite-URL: /healthz',
  'X-HTTP-Method-Override: GET',
  'Authorization: Bearer undefined',
  'Authorization: Bearer',
  'Authorization: Basic Og==',
  'Upgrade: websocket',
  'Upgrade: h2c',
  'Accept: text/event-stream',
  'Expect: 100-continue',
  'Sec-Fetch-Mode: navigate',
  'Origin: http://localhost',
  'Content-Type: application/json',
  'Content-Type: application/x-www-form-urlencoded',
]
const BODIES = [
  '',
  'sip_user_id=canary&phonenumber=1&call_id=canary&reason=caller_hangup&token=canary&app=canary',
  '{"kind":"bot-call","dial_id":"canary","org_id":"o","user_id":"u","caller_id":"15105550100","phone_number":"15105550101"}',
]

type Listener = keyof typeof OPEN_PATHS

function targetOf(dice: Dice, listener: Listener): string {
  const open = () => dice.oneOf(OPEN_PATHS[listener])
  const closed = () => dice.oneOf(CLOSED_PATHS[listener])
  const glue = () => dice.oneOf(SEPARATORS)
  const disguised = (path: string) => {
    const at = dice.below(path.length)
    const byte = `%${path.charCodeAt(at).toString(16)}`
    return dice.oneOf([
      path.toUpperCase(),
      path.slice(0, at) + byte + path.slice(at + 1),
      path.slice(0, at) + glue() + path.slice(at),
      path.replaceAll('/', glue()),
      `http://${dice.oneOf(HOSTS)}${path}`,
    ])
  }
  const kinds = [
    () => closed(),
    () => `${closed()}?${'a'.repeat(dice.below(12))}${open()}`,
    () => `${open()}${glue()}${closed()}`,
    () => `${closed()}${glue()}${open()}`,
    () => `/${'z'.repeat(dice.below(10))}${glue()}..${glue()}${closed().slice(1)}`,
    () => disguised(closed()),
    () => `${disguised(open())}${glue()}${disguised(closed())}`,
    () =>
      `/${Array.from({ length: dice.below(8) }, () => dice.oneOf(['api', 'calls', '..', '.', 'x', '%2e%2e', glue()])).join(glue())}`,
  ]
  // A blank would end the target.
  return dice.oneOf(kinds)().replaceAll(' ', '%20') || '/'
}

const hostOf = (dice: Dice): string =>
  dice.chance(0.6)
    ? dice.oneOf(HOSTS)
    : Array.from({ length: 1 + dice.below(3) }, () => dice.oneOf(HOST_PIECES)).join('')

function requestOf(dice: Dice, listener: Listener): string {
  const body = dice.oneOf(BODIES)
  const host = dice.chance(0.05) ? [] : [`Host: ${hostOf(dice)}`]
  const extra = Array.from({ length: dice.below(3) }, () => dice.oneOf(HEADERS))
  const version = dice.chance(0.1) ? '1.0' : '1.1'
  const line = `${dice.oneOf(METHODS)} ${targetOf(dice, listener)} HTTP/${version}`
  return [line, ...host, ...extra, `Content-Length: ${body.length}`, '', body].join('\r\n')
}

function mutate(dice: Dice, request: string): Buffer {
  const bytes = Buffer.from(request, 'latin1')
  for (let changes = 1 + dice.below(4); changes > 0; changes--)
    bytes[dice.below(bytes.length)] = dice.below(256)
  return bytes
}

/** Sends them all, a few connections beside each other. @returns what nobody should have been told. */
async function bombard(listener: Listener, url: string): Promise<string[]> {
  const openBodies = new Set<string>()
  for (const path of OPEN_PATHS[listener]) {
    const answer = await RawClient.at(url).ask(
      `GET ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`,
    )
    expect([path, answer?.status]).toEqual([path, 200])
    openBodies.add(answer!.body)
  }
  // Without a body there is nothing to know an answer by but the path that was asked for.
  const bare = new RegExp(`^HEAD (http://[^/]*)?(${OPEN_PATHS[listener].join('|')})/?[? ]`)
  const isOpen = (request: string | Buffer, { status, body }: RawAnswer) =>
    status >= 400 || openBodies.has(body) || (body === '' && bare.test(request.toString('latin1')))

  const dice = createDice(SEED)
  const found: string[] = []
  let left = REQUESTS_EACH
  await Promise.all(
    Array.from({ length: CONNECTIONS }, async () => {
      const client = RawClient.at(url)
      while (left-- > 0) {
        const whole = requestOf(dice, listener)
        const request = left % MUTATED_EVERY === 0 ? mutate(dice, whole) : whole
        const answer = await client.ask(request)
        // What is left of a request whose bytes were changed would be the next one's beginning.
        if (request !== whole) client.close()
        if (answer && !isOpen(request, answer))
          found.push(
            `seed ${SEED}: ${JSON.stringify(request.toString('latin1'))} got ${answer.status} ${answer.body.slice(0, 60)}`,
          )
      }
      client.close()
    }),
  )
  return found
}

/** Everything in Redis that a process does not write by itself while nobody asks. */
async function kept(): Promise<string[]> {
  const keys = await redis.client.keys('*')
  return keys.filter(key => !/^hookswitch:(pods|pod:|minute|jwt-secret)/.test(key)).toSorted()
}

test('twenty thousand hostile requests read nothing and change nothing, on both listeners', async () => {
  const before = await kept()
  const found = [
    ...(await bombard('public', service.publicUrl)),
    ...(await bombard('internal', service.internalUrl)),
  ]
  expect(found).toEqual([])
  expect(await kept()).toEqual(before)
  expect(service.log.filter(line => line.level === 'error')).toEqual([])
  expect((await fetch(`${service.publicUrl}/healthz`)).status).toBe(200)
})
