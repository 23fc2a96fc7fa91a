// The OpenAPI document, as the tools of others see it: it is valid, it tells of every route, and a client that was
// generated from it makes a call. Its page loads nothing from elsewhere.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import SwaggerParser from '@apidevtools/swagger-parser'
import { startRedis, type TestRedis } from '../../harness/redis.ts'
import { startService, type TestService } from '../../harness/service.ts'
import { type Api, apiAt, aspCall, untilApiReady } from './api.ts'

// biome-ignore lint/suspicious/noExplicitAny: it is what the tests look into.
type Document = any

const ADMIN_TOKEN = 'the-token-of-the-operators'
const PBX_TOKEN = 'the-token-of-the-pbxs'

let redis: TestRedis
let services: TestService[]
let api: Api
let document: Document
let documentWithToken: Document
beforeAll(async () => {
  redis = await startRedis()
  services = await Promise.all([
    startService({ PUBSUB_REDIS_URL: redis.url }),
    startService({
      PUBSUB_REDIS_URL: redis.url,
      ADMIN_TOKEN,
      PBX_TOKEN,
      APP_API_URL: 'https://wake.example.com',
    }),
  ])
  await untilApiReady(services[0]!.internalUrl)
  api = apiAt(services[0]!.internalUrl)
  document = (await api.get('/openapi/json')).body
  documentWithToken = (await apiAt(services[1]!.internalUrl).get('/openapi/json')).body
})
afterAll(async () => {
  await Promise.all(services.map(each => each.kill()))
  await redis.close()
})

const operationsOf = (described: Document): [string, Document][] =>
  Object.entries(described.paths).flatMap(([path, operations]) =>
    Object.entries(operations as object).map(([method, operation]): [string, Document] => [
      `${method.toUpperCase()} ${path}`,
      operation,
    ]),
  )

describe('the document', () => {
  test('is valid OpenAPI, with a token and without', async () => {
    for (const each of [document, documentWithToken]) {
      expect(each.openapi).toStartWith('3.1')
      await SwaggerParser.validate(structuredClone(each))
    }
  })

  test('tells of every route', () => {
    const routes = operationsOf(document).map(([route]) => route)
    const commands = ['hangup', 'barge', 'whisper', 'mute', 'threeway', 'unthreeway', 'play', 'play-now']
    commands.push('stop-playback', 'start-background', 'stop-background', 'bridge')
    expect(routes.sort()).toEqual(
      [
        'GET /healthz',
        'GET /readyz',
        'GET /metrics',
        'GET /api/live',
        'GET /api/timeline/{id}',
        'GET /api/devices/{sip_user_id}',
        'GET /api/calls',
        'POST /api/calls',
        'GET /api/calls/{dial_id}',
        'GET /api/calls/{dial_id}/events',
        ...commands.map(command => `POST /api/calls/{dial_id}/${command}`),
        'POST /api/switches/{core_uuid}/bridge',
        'POST /api/switches/{core_uuid}/bot-call',
      ].sort(),
    )
  })

  test('has a summary for each of them, an example for each body, and a name for each operation', () => {
    const operations = operationsOf(document)
    const names = operations.map(([, operation]) => operation.operationId)
    expect(new Set(names).size).toBe(operations.length)
    for (const [route, operation] of operations) {
      expect([route, operation.summary]).toEqual([route, expect.stringMatching(/\w/)])
      if (!operation.requestBody) continue
      expect(Object.keys(operation.requestBody.content)).toEqual(['application/json'])
      expect([route, operation.requestBody.content['application/json'].examples]).toEqual([
        route,
        expect.any(Object),
      ])
    }
  })

  test('gives examples that the API takes', async () => {
    const { examples } = document.paths['/api/calls'].post.requestBody.content['application/json']
    for (const [name, { value }] of Object.entries(examples) as [string, { value: unknown }][])
      expect([name, (await api.post('/api/calls', value)).status]).toEqual([
        name,
        name === 'LoadTest' ? 403 : 202,
      ])
    const steering = operationsOf(document).filter(([, operation]) => operation.tags?.includes('Steering'))
    for (const [route, operation] of steering) {
      const [{ value }] = Object.values(operation.requestBody.content['application/json'].examples) as [
        { value: unknown },
      ]
      const path = route.replace('POST ', '').replace('{dial_id}', 'no-such-call')
      // Taken: there is no such call, but nothing is wrong with the command.
      expect([route, (await api.post(path, value)).status]).toEqual([route, 404])
    }
  })

  test('tells every refusal as a problem, the guard’s too', () => {
    for (const [route, { responses, tags }] of operationsOf(document)) {
      if (tags?.includes('Probes') || tags?.includes('Live')) continue
      expect(Object.keys(responses)).toContain('403')
      for (const [status, { content }] of Object.entries(responses) as [string, Document][]) {
        if (Number(status) < 400 || status === '413') continue
        expect([route, status, Object.keys(content)]).toEqual([route, status, ['application/problem+json']])
      }
    }
    expect(Object.keys(document.paths['/api/calls/{dial_id}/hangup'].post.responses)).toEqual(
      expect.arrayContaining(['200', '400', '403', '404', '409', '413', '415', '503', '504']),
    )
  })

  test('asks for the token where there is one, but not of probes', () => {
    expect(document.security).toBeUndefined()
    expect(documentWithToken.security).toEqual([{ adminToken: [] }])
    expect(documentWithToken.components.securitySchemes.adminToken).toMatchObject({
      type: 'http',
      scheme: 'bearer',
    })
    expect(documentWithToken.paths['/readyz'].get.security).toEqual([])
    expect(documentWithToken.paths['/metrics'].get.security).toEqual([
      { adminToken: [] },
      { metricsToken: [] },
    ])
    expect(document.paths['/metrics'].get.security).toBeUndefined()
    expect(Object.keys(documentWithToken.paths['/api/calls'].get.responses)).toContain('401')
  })
})

describe('the public listener’s document', () => {
  test('is valid, and gives examples that the listener takes', async () => {
    const { body: described } = await api.get('/openapi/public/json')
    await SwaggerParser.validate(structuredClone(described))
    const publicApi = services[0]!.publicUrl
    const operations = Object.entries(described.paths) as [string, Record<string, Document>][]
    expect(operations).toHaveLength(10)
    for (const [path, methods] of operations)
      for (const [method, { requestBody }] of Object.entries(methods)) {
        // Held until its phone answers, of which there is none.
        const response = await fetch(`${publicApi}${path}`, {
          method: method.toUpperCase(),
          ...(requestBody && {
            headers: { 'content-type': 'application/json' },
            body: JSON.stringify(requestBody.content['application/json'].example),
          }),
        })
        const { status } = response
        const isKnown = Object.keys(methods[method].responses).includes(String(status))
        expect([method, path, status, isKnown]).toEqual([method, path, status, true])
        expect(status).not.toBe(400)
      }
  })

  test('names each field that the listener requires', async () => {
    const { body: described } = await api.get('/openapi/public/json')
    for (const [path, { post }] of Object.entries(described.paths) as [string, Document][]) {
      const required = post.requestBody.content['application/json'].schema.required ?? []
      const refused = await fetch(`${services[0]!.publicUrl}${path}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: '{}',
      })
      if (refused.status !== 400) continue
      const { errors } = (await refused.json()) as { errors: { field: string }[] }
      expect([path, errors.map(each => each.field).sort()]).toEqual([path, [...required].sort()])
    }
  })
})

describe('the public listener’s page', () => {
  test('names where that listener is, and where apps reach it', async () => {
    const { body: described } = await api.get('/openapi/public/json')
    const here = { url: services[0]!.publicUrl, description: 'HOST and PORT, on the machine itself' }
    expect(described.servers).toEqual([here])
    const withApps = (await apiAt(services[1]!.internalUrl).get('/openapi/public/json')).body
    expect(withApps.servers).toEqual([
      { url: 'https://wake.example.com', description: 'APP_API_URL: as apps reach it' },
      { ...here, url: services[1]!.publicUrl },
    ])
  })

  test('tries its routes through this listener, with the credentials that are meant for the other', async () => {
    const device = { sip_user_id: '77', token: '4f'.repeat(32), app: 'com.example.phone' }
    const registered = await api.post('/openapi/public/try/api/apns-device/', device)
    expect(registered.status).toBe(201)
    const held = await api.post('/openapi/public/try/api/incoming-call/', {
      sip_user_id: 'nobody',
      phonenumber: '0123456789',
    })
    expect([held.status, held.body, held.headers.get('x-hookswitch-reason')]).toEqual([
      200,
      'status=NAK',
      'no-device',
    ])
    const refused = await api.post('/openapi/public/try/api/incoming-call/', {})
    expect(refused.headers.get('content-type')).toStartWith('application/problem+json')
    expect(refused.status).toBe(400)
    // Of the service with a token, whose PBXs have one, too.
    const ask = (authorization: string, tried: string) =>
      fetch(`${services[1]!.internalUrl}/openapi/public/try/api/incoming-call/`, {
        method: 'POST',
        headers: { authorization, 'x-try-authorization': tried, 'content-type': 'application/json' },
        body: JSON.stringify({ sip_user_id: 'nobody', phonenumber: '1' }),
      })
    expect((await ask('Bearer wrong', `Bearer ${PBX_TOKEN}`)).status).toBe(401)
    expect((await ask(`Bearer ${ADMIN_TOKEN}`, 'Bearer wrong')).status).toBe(403)
    expect((await ask(`Bearer ${ADMIN_TOKEN}`, `Bearer ${PBX_TOKEN}`)).status).toBe(200)
  })

  test('tries nothing else there, and nothing for pages of other sites', async () => {
    expect((await api.get('/openapi/public/try/healthz')).status).toBe(404)
    const strange = await fetch(`${services[0]!.internalUrl}/openapi/public/try/api/check-in/`, {
      method: 'POST',
      headers: { origin: 'https://evil.example', 'content-type': 'application/json' },
      body: '{}',
    })
    expect(strange.status).toBe(403)
  })
})

test('its page loads nothing from elsewhere, and has an icon', async () => {
  const page = await api.get('/openapi')
  expect((await api.get('/openapi/public')).body).toContain('/openapi/public/json')
  expect(page.headers.get('content-type')).toStartWith('text/html')
  const loaded = [...page.body.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, url]) => url as string)
  expect(loaded).toContain('/openapi/swagger-ui-bundle.js')
  for (const url of loaded) expect([url, (await api.get(url)).status]).toEqual([url, 200])
  const icon = await api.get('/favicon.ico')
  expect([icon.status, icon.headers.get('content-type')]).toEqual([200, 'image/svg+xml'])
  expect(page.headers.get('content-security-policy')).toContain("default-src 'none'")
})

test('a client that is generated from it makes a call, and reads its refusals', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'hookswitch-client-'))
  try {
    await Bun.write(join(directory, 'openapi.json'), JSON.stringify(document))
    // As its command line does; the client is plain TypeScript.
    const { generateSource } = await import('oazapfts')
    const source = await generateSource(join(directory, 'openapi.json'), {})
    const runtime = Bun.resolveSync('@oazapfts/runtime', import.meta.dir)
    const client = join(directory, 'client.ts')
    await Bun.write(client, source.replaceAll('"@oazapfts/runtime"', JSON.stringify(runtime)))
    const generated = await import(client)
    generated.defaults.baseUrl = services[0]!.internalUrl

    const body = aspCall({ dial_id: 'generated' })
    expect(await generated.makeCall(body, { idempotencyKey: 'generated' })).toMatchObject({
      status: 202,
      data: { dial_id: 'generated', queued: true },
    })
    expect(await redis.client.lrange('talkiq-asp.calls', -1, -1)).toEqual([
      expect.stringContaining('generated'),
    ])
    const wrong = await generated.makeCall({ ...body, caller_number: undefined })
    expect([wrong.status, wrong.data.errors]).toEqual([
      400,
      [{ field: 'caller_number', detail: 'is missing' }],
    ])
    expect((await generated.listCalls()).data).toEqual({ calls: [], total: 0 })
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
})
