// Wrong situations of Redis as people meet them: another service at its port, TLS, Sentinels and Clusters named wrongly,
// passwords and rights.
import { freePort } from '../../harness/redis.ts'
import { expectEachToBeTold, good, redis, replica, stands } from './situations.ts'

expectEachToBeTold([
  {
    name: 'Redis is not started',
    env: async () => ({ PUBSUB_REDIS_URL: `redis://127.0.0.1:${await freePort()}` }),
    check: 'redis connection',
    what: /^Redis can't be reached at 127\.0\.0\.1:\d+: nobody listens there \(ECONNREFUSED\)\.$/,
    todo: /^Start it, or mend PUBSUB_REDIS_URL/,
  },
  {
    name: "Redis' name has a slip in it",
    env: () => ({ PUBSUB_REDIS_URL: 'redis://no-such-host.invalid' }),
    check: 'redis connection',
    what: /no-such-host\.invalid:6379: the DNS (knows no such name|does not answer)/,
    todo: /mend PUBSUB_REDIS_URL/,
  },
  {
    name: 'Redis wants TLS and the URL says none',
    env: () => ({ PUBSUB_REDIS_URL: `redis://127.0.0.1:${stands.tlsRedis}` }),
    check: 'redis connection',
    what: /speaks TLS, and PUBSUB_REDIS_URL says redis:\/\/\.$/,
    todo: /^Write rediss:\/\/ in PUBSUB_REDIS_URL/,
  },
  {
    name: 'the URL says TLS and Redis has none',
    env: () => ({ PUBSUB_REDIS_URL: `rediss://127.0.0.1:${redis.port}` }),
    check: 'redis connection',
    what: /speaks no TLS, and PUBSUB_REDIS_URL says rediss:\/\/\.$/,
    todo: /^Write redis:\/\/ in place of rediss:\/\//,
  },
  {
    name: "a web server's port is given as Redis",
    env: () => ({ PUBSUB_REDIS_URL: `redis://127.0.0.1:${stands.http}` }),
    check: 'redis connection',
    what: /is a web server \(HTTP\), not Redis\.$/,
    todo: /6379 by default/,
  },
  {
    name: "the event socket's port is given as Redis",
    env: () => ({ PUBSUB_REDIS_URL: `redis://127.0.0.1:${good.port}` }),
    check: 'redis connection',
    what: /is FreeSWITCH's event socket, not Redis\.$/,
    todo: /^Mend host and port in PUBSUB_REDIS_URL/,
  },
  {
    name: 'Redis is a replica',
    env: () => ({ PUBSUB_REDIS_URL: replica.url }),
    check: 'redis topology',
    what: /^Redis is a replica: it refuses to write\.$/,
    todo: /^Name the master/,
  },
  {
    name: 'a comma list names one server',
    env: () => ({ PUBSUB_REDIS_URL: `${redis.url},redis://localhost:${redis.port}` }),
    check: 'redis connection',
    what: /names several nodes, and they are no Cluster/,
    todo: /^Name one server alone, or use redis\+sentinel:\/\//,
  },
  {
    name: 'a comma list names Sentinels without their scheme',
    env: () => ({ PUBSUB_REDIS_URL: `redis://127.0.0.1:${stands.sentinel},127.0.0.1:${stands.sentinel}` }),
    check: 'redis connection',
    what: /is a Redis Sentinel, and PUBSUB_REDIS_URL does not say so\.$/,
    todo: /^Write redis\+sentinel:\/\/host:port,host:port\//,
  },
  {
    name: "Sentinels' master is named behind redis://",
    env: () => ({ PUBSUB_REDIS_URL: 'redis://s1:26379,s2:26379/mymaster' }),
    check: 'settings',
    what: /^PUBSUB_REDIS_URL names Sentinels without saying so: write redis\+sentinel:\/\//,
    todo: /does not start/,
    start: /names Sentinels without saying so/,
  },
  {
    name: 'an ordinary Redis is named as a Sentinel',
    env: () => ({ PUBSUB_REDIS_URL: `redis+sentinel://127.0.0.1:${redis.port}/main` }),
    check: 'redis connection',
    what: /names Sentinels, and what answers is an ordinary Redis\.$/,
    todo: /26379 by default/,
  },
  {
    name: 'Redis is named without a scheme',
    env: () => ({ PUBSUB_REDIS_URL: `127.0.0.1:${redis.port}` }),
    check: 'settings',
    what: /^PUBSUB_REDIS_URL must begin with redis:\/\/ or rediss:\/\/, also before a plain host:port\.$/,
    todo: /docs\/settings\.md/,
    start: /must begin with redis:\/\//,
  },
  {
    name: "Redis' password is wrong",
    env: () => ({ PUBSUB_REDIS_URL: `redis://nobody:wrong@127.0.0.1:${redis.port}` }),
    check: 'redis connection',
    what: /^Redis refuses the password/,
    todo: /%XX/,
  },
  {
    name: "Redis' user may do nothing but look",
    env: async () => {
      await redis.client.call(
        'ACL',
        'SETUSER',
        'looker',
        'reset',
        'on',
        '>secret',
        '~*',
        '&*',
        '+@all',
        '-@write',
        '-eval',
      )
      return { PUBSUB_REDIS_URL: `redis://looker:secret@127.0.0.1:${redis.port}` }
    },
    check: 'redis rights',
    what: /^We can't write keys under hookswitch:, .*move jobs \(BLMOVE\): NOPERM /,
    todo: /docs\/security\.md/,
  },
  {
    name: 'a list of jobs is something else',
    env: async () => {
      await redis.client.set('situations.no-list', 'a text')
      return { PUBSUB_REDIS_URL: redis.url, JOB_LIST_BOT: 'situations.no-list' }
    },
    check: 'redis job lists',
    what: /^situations\.no-list is a string, not a list/,
    todo: /JOB_LIST_BOT/,
  },
])
