// What operators see on a Redis Cluster: cards, counts, calls and queues lie on different nodes, and are one page.
import { expect, test } from 'bun:test'
import { startCluster } from '../harness/cluster.ts'
import { eventually } from '../harness/internal.ts'
import { startService } from '../harness/service.ts'

test('the processes of a Cluster are seen from each of them', async () => {
  await using cluster = await startCluster(3)
  await using one = await startService(cluster.settings)
  await using _other = await startService(cluster.settings)
  await fetch(`${one.publicUrl}/api/incoming-call/`, {
    method: 'POST',
    body: new URLSearchParams({ sip_user_id: '4921', phonenumber: '0123456789', call_id: 'call-1' }),
  })

  const { body } = await fetch(`${one.internalUrl}/api/live`)
  let seen = ''
  const reader = body!.pipeThrough(new TextDecoderStream()).getReader()
  const newest = (name: string) =>
    [...seen.matchAll(new RegExp(`event: ${name}\ndata: (.*)\n\n`, 'g'))].at(-1)?.[1]
  await eventually('both processes, the wake and its minute', async () => {
    seen += (await reader.read()).value ?? ''
    const pods = JSON.parse(newest('pods') ?? '[]') as unknown[]
    return pods.length === 2 && seen.includes('"wakes":{"no-device":1}') && seen.includes('"id":"call-1"')
  })
  expect(JSON.parse(newest('tick')!)).toMatchObject({ isRedisAway: false })
  await reader.cancel()
})
