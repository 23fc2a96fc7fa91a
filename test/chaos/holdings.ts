// What is held when nothing is under way: by each process memory, open files and Redis connections, in Redis
// subscriptions and keys. Measured by rounds, and compared: whatever grows from round to round is never given back.
import type { Offender } from './evidence.ts'
import { resourcesOf } from './processes.ts'
import type { Scene } from './scene.ts'

export interface Holding {
  processes: { name: string; residentMegabytes: number; files: number }[]
  /** Channels that anybody but the ear listens on, and connections of all but us. */
  subscriptions: number
  clients: number
  /** Keys without an expiry; leftovers are looked at elsewhere, so these are the ones that may stay. */
  lastingKeys: number
  expiringKeys: number
}

export async function holdingOf({ crew, redis }: Scene): Promise<Holding> {
  const { client } = redis
  const [channels, keyspace, clients] = await Promise.all([
    client.pubsub('CHANNELS') as Promise<string[]>,
    client.info('keyspace'),
    client.info('clients'),
  ])
  const figure = (text: string, name: string) => Number(new RegExp(`${name}[:=](\\d+)`).exec(text)?.[1] ?? 0)
  const expiringKeys = figure(keyspace, 'expires')
  return {
    processes: crew.slots.map(({ member: { name, pid } }) => ({ name, ...resourcesOf(pid) })),
    subscriptions: channels.length,
    clients: figure(clients, 'connected_clients'),
    lastingKeys: figure(keyspace, 'keys') - expiringKeys,
    expiringKeys,
  }
}

/** One line for people. */
export function rowOf({ processes, ...redis }: Holding): string {
  const held = processes.map(
    ({ name, residentMegabytes, files }) => `${name} ${residentMegabytes.toFixed()} MB ${files} files`,
  )
  const { subscriptions, clients, lastingKeys, expiringKeys } = redis
  const inRedis = `redis: ${subscriptions} channels, ${clients} clients, ${lastingKeys} + ${expiringKeys} keys`
  return [...held, inRedis].join(' · ')
}

/** Until then code is compiled, pools and caches fill. */
const SETTLED_AFTER_ROUNDS = 3

/** The collector leaves that much to its own taste from one round to another. */
const MEGABYTES_MORE_MAX = 24
/** Connections that are just being replaced. */
const FILES_MORE_MAX = 3

/** @returns what is more at the end than it was when all had settled. */
export function growths(holdings: readonly Holding[]): Offender[] {
  const [settled, last] = [holdings[SETTLED_AFTER_ROUNDS - 1], holdings.at(-1)]
  if (!settled || !last || holdings.length <= SETTLED_AFTER_ROUNDS)
    return [{ id: 'rounds', why: `more than ${SETTLED_AFTER_ROUNDS} are needed to see anything grow` }]
  const offenders: Offender[] = []
  const compare = (id: string, before: number, after: number, moreMax: number) => {
    if (after > before + moreMax) offenders.push({ id, why: `${before.toFixed()} → ${after.toFixed()}` })
  }
  for (const [index, { name, residentMegabytes, files }] of settled.processes.entries()) {
    const now = last.processes[index]!
    compare(`${name}: megabytes`, residentMegabytes, now.residentMegabytes, MEGABYTES_MORE_MAX)
    compare(`${name}: open files`, files, now.files, FILES_MORE_MAX)
  }
  compare('subscriptions', settled.subscriptions, last.subscriptions, 0)
  compare("redis' clients", settled.clients, last.clients, FILES_MORE_MAX)
  compare('keys without an expiry', settled.lastingKeys, last.lastingKeys, 0)
  return offenders
}
