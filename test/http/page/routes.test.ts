// The live page's routes: files that anybody may load and that can't be made to run anything else, and the feed, which
// has a guard, a most of viewers, and an end.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { VIEWERS_MAX } from '../../../src/live/liveFeed.ts'
import { eventually } from '../../harness/internal.ts'
import { startRedis, type TestRedis } from '../../harness/redis.ts'
import { startService, type TestService } from '../../harness/service.ts'

const TOKEN = 'the-operators-own-token'

describe('the live page', () => {
  let redis: TestRedis
  let service: TestService
  const get = (path: string, init: RequestInit = {}) => fetch(`${service.internalUrl}${path}`, init)
  const asOperator = { headers: { authorization: `Bearer ${TOKEN}` } }

  beforeAll(async () => {
    redis = await startRedis()
    service = await startService({ PUBSUB_REDIS_URL: redis.url, ADMIN_TOKEN: TOKEN })
  })
  afterAll(async () => {
    await service.kill()
    await redis.close()
  })

  test('is served to everybody, with a policy that lets nothing else run', async () => {
    const page = await get('/')
    expect(page.status).toBe(200)
    expect(page.headers.get('content-type')).toBe('text/html; charset=utf-8')
    const policy = page.headers.get('content-security-policy')!
    for (const rule of [
      "default-src 'none'",
      "script-src 'self'",
      "frame-ancestors 'none'",
      "require-trusted-types-for 'script'",
    ])
      expect(policy).toContain(rule)
    expect(page.headers.get('x-content-type-options')).toBe('nosniff')
    const html = await page.text()
    expect(html).not.toMatch(/<script(?![^>]*\bsrc=)|\son\w+=|style=|javascript:/i)

    const parts = [...html.matchAll(/(?:src|href)="(\/page\/[^"]+)"/g)].map(([, path]) => path!)
    expect(parts.length).toBeGreaterThan(3)
    for (const path of parts) expect((await get(path)).status).toBe(200)
  })

  test('loads every module that its modules import', async () => {
    const seen = new Set<string>()
    const load = async (path: string): Promise<void> => {
      if (seen.has(path)) return
      seen.add(path)
      const answer = await get(path)
      expect(answer.headers.get('content-type')).toBe('text/javascript; charset=utf-8')
      const script = await answer.text()
      expect(script).not.toMatch(/innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(/)
      for (const [, name] of script.matchAll(/from '\.\/([^']+)'/g)) await load(`/page/${name}`)
    }
    await load('/page/main.js')
    expect(seen.size).toBeGreaterThan(10)
  })

  test('is not sent again to who has it', async () => {
    const first = await get('/page/main.js')
    const again = await get('/page/main.js', { headers: { 'if-none-match': first.headers.get('etag')! } })
    expect(again.status).toBe(304)
    expect(await again.text()).toBe('')
  })

  test('gives nothing but its own files', async () => {
    for (const path of [
      '/page/../internalApp.ts',
      '/page/%2e%2e/internalApp.ts',
      '/page/',
      '/page/index.html',
    ]) {
      const { status } = await get(path, asOperator)
      expect([path, status]).toEqual([path, 404])
    }
  })

  test('feeds only who has the token', async () => {
    expect((await get('/api/live')).status).toBe(401)
    const fed = await get('/api/live', asOperator)
    expect(fed.status).toBe(200)
    expect(fed.headers.get('content-type')).toBe('text/event-stream')
    await fed.body!.cancel()
  })

  test('refuses one viewer too many, and lets the next one in when somebody left', async () => {
    const viewers: Response[] = []
    await eventually('as many viewers as may be', async () => {
      const answer = await get('/api/live', asOperator)
      if (answer.status !== 200) return true
      viewers.push(answer)
      return false
    })
    expect(viewers.length).toBeLessThanOrEqual(VIEWERS_MAX)
    expect(viewers.length).toBeGreaterThan(VIEWERS_MAX - 5)
    const refused = await get('/api/live', asOperator)
    expect(refused.status).toBe(503)
    expect(refused.headers.get('retry-after')).toBe('10')

    await Promise.all(viewers.map(viewer => viewer.body!.cancel()))
    await eventually('a free place', async () => {
      const answer = await get('/api/live', asOperator)
      await answer.body!.cancel()
      return answer.status === 200
    })
  })

  test('ends its streams when the service stops, which waits for no viewer', async () => {
    await using stopping = await startService({ PUBSUB_REDIS_URL: redis.url })
    const { body } = await fetch(`${stopping.internalUrl}/api/live`)
    const [begun, whole] = body!.tee()
    const text = new Response(whole).text()
    let heard = ''
    for await (const chunk of begun.pipeThrough(new TextDecoderStream())) {
      heard += chunk
      if (heard.includes('event: tick')) break
    }
    const code = await stopping.stop()
    expect(code).toBe(0)
    // It ended by itself.
    expect(await text).toStartWith(heard)
    expect(await redis.client.exists(`hookswitch:pod:{${/"pod":"([^"]+)"/.exec(heard)![1]}}`)).toBe(0)
  })
})
