// Who listens in a Cluster. A message reaches the subscribers of all nodes, but PUBLISH counts those of one node only,
// so whoever must know whether anybody heard it asks every node. Outside a Cluster nobody needs this.
import { Cluster, type Redis } from 'ioredis'
import { assert } from '../base/result.ts'
import type { RedisConnection } from './connect.ts'

/** Whether anybody listens on one of these channels. @returns true also when a node can't be asked: it
 *  may be the one. */
export async function isAnybodyListening(
  redis: RedisConnection,
  channels: readonly string[],
): Promise<boolean> {
  assert(redis instanceof Cluster, 'only a Cluster has nodes to ask')
  try {
    const asked = redis.nodes('all')
    if (await isHeardAt(asked, channels)) return true
    // A replica that has copied nothing yet, or a node that just joined, is not among those that ioredis knows of.
    return (await countNodes(asked)) > asked.length
  } catch {
    // A node is away, which ioredis reports in many ways; its answer stays unknown.
    return true
  }
}

async function isHeardAt(nodes: Redis[], channels: readonly string[]): Promise<boolean> {
  const counts = await Promise.all(nodes.map(node => countAt(node, channels)))
  return counts.some(count => count > 0)
}

/** How many there are, replicas included. */
async function countNodes([any]: Redis[]): Promise<number> {
  assert(any, 'a Cluster that answered has a node')
  return Number(/cluster_known_nodes:(\d+)/.exec(String(await any.cluster('INFO')))?.[1])
}

async function countAt(node: Redis, channels: readonly string[]): Promise<number> {
  // Replicas are not connected to until somebody asks them something.
  if (node.status === 'wait') await node.connect()
  const counted = (await node.pubsub('NUMSUB', ...channels)) as (string | number)[]
  return counted.reduce<number>((sum, each, index) => (index % 2 ? sum + Number(each) : sum), 0)
}
