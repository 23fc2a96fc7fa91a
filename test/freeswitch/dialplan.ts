// The dialplan as the door of a wake, at a real switch: a channel comes by `socket` to a front of its own, is woken for,
// and goes on. The channels are FreeSWITCH's `null` endpoints, as a caller's leg is; switch and suite share a host.
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { answer, registerPhone } from '../harness/client.ts'
import { eventually, readMetrics } from '../harness/internal.ts'
import { freePort, startRedis, type TestRedis } from '../harness/redis.ts'
import { startService, type TestService } from '../harness/service.ts'
import type { Testbed } from './testbed.ts'

const ACCOUNT = '1000'

export function dialplanTests(bed: () => Testbed): void {
  /** Of its own: the suite looks at what is left in the other one. */
  let redis: TestRedis
  let port: number
  let front: TestService
  const start = async () => {
    front = await startService({
      ROLE: 'front',
      PUBSUB_REDIS_URL: redis.url,
      SOCKET_PORT: String(port),
      APP_PUSH_ROUNDTRIP_WAIT: '2000',
    })
  }
  beforeAll(async () => {
    redis = await startRedis()
    port = await freePort()
    await start()
    await registerPhone(front.publicUrl, { sip_user_id: ACCOUNT, token: 'a-phone' })
  })
  afterAll(async () => {
    await front.kill()
    await redis.close()
  })

  /** A caller's channel in the three lines of dialplan that the documents give. */
  async function call(account = ACCOUNT): Promise<string> {
    const channelUuid = crypto.randomUUID()
    bed().usedChannels.add(channelUuid)
    const originated = await bed().probe.ask(
      `originate {origination_uuid=${channelUuid}}null/x ` +
        `'set:hookswitch_account=${account},socket:127.0.0.1:${port} async full,set:goes_on=yes,park:' inline`,
    )
    expect(originated).toBe(`+OK ${channelUuid}`)
    return channelUuid
  }
  const variableOf = (channelUuid: string, name: string) =>
    bed().probe.ask(`uuid_getvar ${channelUuid} ${name}`)
  const untilGoneOn = (channelUuid: string) =>
    eventually('the next action', async () => (await variableOf(channelUuid, 'goes_on')) === 'yes')
  const outcomeOf = (channelUuid: string) =>
    Promise.all(['hookswitch_status', 'hookswitch_reason'].map(name => variableOf(channelUuid, name)))
  const kill = (channelUuid: string) => bed().probe.ask(`uuid_kill ${channelUuid}`)

  test('goes on with ACK when the app confirms', async () => {
    const channelUuid = await call()
    const push = await front.pushed(channelUuid)
    expect((await answer(push, { baseUrl: front.publicUrl })).verdict).toBe('proceed')
    await untilGoneOn(channelUuid)
    expect(await outcomeOf(channelUuid)).toEqual(['ACK', 'confirmed'])
    expect(await variableOf(channelUuid, 'hookswitch_waited_ms')).toMatch(/^\d+$/)
    await kill(channelUuid)
  })

  test.each([
    ['says no', { available: 'false' }, 'unavailable'],
    ['is silent', undefined, 'timeout'],
  ])('goes on with NAK when the app %s', async (_, fields, reason) => {
    const channelUuid = await call()
    const push = await front.pushed(channelUuid)
    if (fields) await answer(push, { baseUrl: front.publicUrl, fields })
    await untilGoneOn(channelUuid)
    expect(await outcomeOf(channelUuid)).toEqual(['NAK', reason])
    await kill(channelUuid)
  })

  test('tells of a caller who hangs up, and the wake is over', async () => {
    const channelUuid = await call()
    await front.pushed(channelUuid)
    await kill(channelUuid)
    await eventually('the end of the wait', async () => {
      const metrics = await readMetrics(front.internalUrl)
      return metrics.get('hookswitch_dialplan_sockets_total{end="caller-gone"}') === 1
    })
    await eventually('an empty front', async () => {
      const metrics = await readMetrics(front.internalUrl)
      return metrics.get('hookswitch_waits') === 0 && metrics.get('hookswitch_dialplan_sockets') === 0
    })
  })

  test('goes on when the front is killed in the middle, and when nobody listens', async () => {
    const channelUuid = await call()
    await front.pushed(channelUuid)
    await front.kill()
    await untilGoneOn(channelUuid)
    await kill(channelUuid)
    const nobodys = await call()
    await untilGoneOn(nobodys)
    await kill(nobodys)
    await start()
  })
}
