// What the server tells of itself, as far as anybody here asks.
import type { Command } from './command.ts'
import { OK, type Reply } from './reply.ts'

/** The version whose behaviour is modelled. */
export const REDIS_VERSION = '7.0.15'

const SETTINGS: Readonly<Record<string, string>> = {
  appendonly: 'yes',
  maxmemory: '0',
  'maxmemory-policy': 'noeviction',
  timeout: '0',
}

const INFO = [
  '# Server',
  `redis_version:${REDIS_VERSION}`,
  'redis_mode:standalone',
  '',
  '# Persistence',
  'loading:0',
  'aof_enabled:1',
  '',
  '# Replication',
  'role:master',
  'connected_slaves:0',
  '',
].join('\r\n')

export const SERVER_COMMANDS: Record<string, Command> = {
  echo: { arity: 2, run: (_, [text]) => text! },
  time: {
    arity: 1,
    run: ({ nowMs }) => [String(Math.floor(nowMs / 1_000)), String((nowMs % 1_000) * 1_000)],
  },
  info: { arity: -1, run: () => ({ verbatim: INFO }) },
  config: { arity: -2, run: (_, [what, ...names]) => (what!.toLowerCase() === 'get' ? configOf(names) : OK) },
}

const configOf = (names: string[]): Reply => ({
  map: names.flatMap(name => (SETTINGS[name] === undefined ? [] : [name, SETTINGS[name]!])),
})
