// The one URL that names Redis: every form that is taken, and what is said about the others.
import { describe, expect, test } from 'bun:test'
import { parseRedisUrl, type RedisTarget } from '../../src/config/redisUrl.ts'

const good: [string, RedisTarget][] = [
  ['redis://redis.example.com', { kind: 'single', server: { host: 'redis.example.com', port: 6379 } }],
  ['redis://10.0.0.1:7000/', { kind: 'single', server: { host: '10.0.0.1', port: 7000 } }],
  ['redis://[::1]:7000/3', { kind: 'single', server: { host: '::1', port: 7000, db: 3 } }],
  ['redis://:p%40ss%2F@h', { kind: 'single', server: { host: 'h', port: 6379, password: 'p@ss/' } }],
  [
    'redis://user:word@h:1/0',
    { kind: 'single', server: { host: 'h', port: 1, username: 'user', password: 'word' } },
  ],
  // As redswitch read it.
  ['redis://secret@h', { kind: 'single', server: { host: 'h', port: 6379, password: 'secret' } }],
  [
    'rediss://p%40ss@h:1/2',
    { kind: 'single', server: { host: 'h', port: 1, password: 'p@ss', db: 2, tls: {} } },
  ],
  ['redis://user:@h', { kind: 'single', server: { host: 'h', port: 6379, username: 'user' } }],
  [
    'redis://secret@a,b',
    {
      kind: 'cluster',
      server: { host: 'a', port: 6379, password: 'secret' },
      nodes: [
        { host: 'a', port: 6379 },
        { host: 'b', port: 6379 },
      ],
    },
  ],
  [
    'redis+sentinel://secret@s1/main',
    {
      kind: 'sentinel',
      server: { password: 'secret' },
      sentinels: [{ host: 's1', port: 26379 }],
      masterName: 'main',
    },
  ],
  ['rediss://h', { kind: 'single', server: { host: 'h', port: 6379, tls: {} } }],
  [
    'redis://a:7001,redis://b:7002',
    {
      kind: 'cluster',
      server: { host: 'a', port: 7001 },
      nodes: [
        { host: 'a', port: 7001 },
        { host: 'b', port: 7002 },
      ],
    },
  ],
  [
    'rediss://user:word@a, b:7002 ,[::1]',
    {
      kind: 'cluster',
      server: { host: 'a', port: 6379, username: 'user', password: 'word', tls: {} },
      nodes: [
        { host: 'a', port: 6379 },
        { host: 'b', port: 7002 },
        { host: '::1', port: 6379 },
      ],
    },
  ],
  [
    'redis+sentinel://s1,s2:26380/main',
    {
      kind: 'sentinel',
      server: {},
      sentinels: [
        { host: 's1', port: 26379 },
        { host: 's2', port: 26380 },
      ],
      masterName: 'main',
    },
  ],
  [
    'rediss+sentinel://user:p%2Cw@s1,[::1]:5/my%20main/2',
    {
      kind: 'sentinel',
      server: { username: 'user', password: 'p,w', db: 2, tls: {} },
      sentinels: [
        { host: 's1', port: 26379 },
        { host: '::1', port: 5 },
      ],
      masterName: 'my main',
    },
  ],
]

const SECRET = 'hush'
const PLAIN = 'must begin with redis:// or rediss://, also before a plain host:port'
const ENCODING = 'in a password # is written %23, / %2F, ? %3F and @ %40'
const NO_URL = `is no URL: ${ENCODING}, and a port is a number up to 65535`
const SENTINELS = 'names Sentinels without saying so: write redis+sentinel://host:port,host:port/masterName'

const bad: [string, string][] = [
  ['', PLAIN],
  [SECRET, PLAIN],
  [`127.0.0.1:6379/${SECRET}`, PLAIN],
  [
    `unix:///run/${SECRET}.sock`,
    'must begin with redis:// or rediss://: a Unix socket is not taken, let Redis listen on 127.0.0.1',
  ],
  [`redis://h#${SECRET}`, `has a # or a ? in it: ${ENCODING}`],
  [`redis://h/?${SECRET}`, `has a # or a ? in it: ${ENCODING}`],
  [`redis://:${SECRET}#1@h`, NO_URL],
  [`redis://:${SECRET}?1@h`, NO_URL],
  [`redis://:${SECRET}/1@h`, NO_URL],
  [`sentinel://h/${SECRET}`, SENTINELS],
  [`redis-sentinel://h/${SECRET}`, SENTINELS],
  [`redis://h:26379,g:26379/main${SECRET}`, SENTINELS],
  [`http://${SECRET}`, 'must begin with redis:// or rediss://'],
  [`redis://:${SECRET}@h:port`, NO_URL],
  [`redis://:${SECRET}@h:99999`, NO_URL],
  [`redis://h/${SECRET}`, 'has a database that is not a number'],
  ['redis://h/-1', 'has a database that is not a number'],
  ['redis://h/1.5', 'has a database that is not a number'],
  [`redis://:${SECRET}%zz@h`, 'has a % that begins no character: in a URL it is written %25'],
  [`redis://a/2,redis://:${SECRET}@b`, 'names a database, and a Cluster has none'],
  [`redis://a,http://${SECRET}`, 'must begin with redis:// or rediss://'],
  [`redis://:${SECRET}@a,`, 'has a comma too many: between two nodes of a Cluster there is one'],
  [`redis://a,,${SECRET}`, 'has a comma too many: between two nodes of a Cluster there is one'],
  [`redis://a,${SECRET}:port`, NO_URL],
  [`redis+sentinel://${SECRET}`, 'names no master: redis+sentinel://host:port,host:port/masterName'],
  [`redis+sentinel://${SECRET}/`, 'names no master: redis+sentinel://host:port,host:port/masterName'],
  [`redis+sentinel://:${SECRET}@/main`, 'has a sentinel that is no host:port'],
  [`redis+sentinel://a,${SECRET}:x/main`, 'has a sentinel that is no host:port'],
  [`redis+sentinel://a,,b/main`, 'has a sentinel that is no host:port'],
  [`redis+sentinel://a/main/${SECRET}`, 'has a database that is not a number'],
]

describe('PUBSUB_REDIS_URL', () => {
  for (const [url, target] of good)
    test(`may be ${url}`, () => {
      expect(parseRedisUrl(url)).toEqual({ ok: true, value: target })
    })

  for (const [url, failure] of bad)
    test(`may not be ${JSON.stringify(url)}, and the reason does not repeat it`, () => {
      expect(parseRedisUrl(url)).toEqual({ ok: false, failure })
      expect(failure).not.toContain(SECRET)
    })
})
