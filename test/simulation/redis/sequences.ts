// Random commands for the differential test: few keys and few values, so that commands meet each other's results, now
// and then a key of another kind, and every script of ours with keys and arguments of its own shape.
import { basename, join } from 'node:path'
import { Glob } from 'bun'
import fc from 'fast-check'

const SOURCES = join(import.meta.dir, '../../../src')

const FILES: ReadonlyMap<string, string> = new Map(
  await Promise.all(
    [...new Glob('**/*.lua').scanSync(SOURCES)]
      .sort()
      .map(
        async path =>
          [
            basename(path, '.lua'),
            Buffer.from(await Bun.file(join(SOURCES, path)).bytes()).toString('latin1'),
          ] as const,
      ),
  ),
)

/** Files of functions that our code puts in front of the scripts that call them. */
const FRONTS = [...FILES].filter(([, lua]) => lua.startsWith('-- Stands in front of '))

/** A script with what stands in front of it, which may itself need others before it. */
function whole(lua: string, rest = FRONTS): string {
  const used = rest.filter(([, front]) =>
    [...front.matchAll(/^local function (\w+)/gm)].some(([, name]) => new RegExp(`\\b${name}\\(`).test(lua)),
  )
  if (used.length === 0) return lua
  const left = rest.filter(each => !used.includes(each))
  return whole(used.map(([, front]) => front).join('\n'), left) + lua
}

/** Every script that we have, by name, as it is run. */
export const SCRIPTS: ReadonlyMap<string, string> = new Map(
  [...FILES]
    .filter(([, lua]) => !FRONTS.some(([, front]) => front === lua))
    .map(([name, lua]) => [name, whole(lua)]),
)

const oneOf = (...texts: string[]) => fc.constantFrom(...texts)
const words = (...parts: fc.Arbitrary<string>[]) => fc.tuple(...parts)
const w = (text: string) => fc.constant(text)
const some = (part: fc.Arbitrary<string>, most = 3) => fc.array(part, { minLength: 1, maxLength: most })

/** Mostly of the kind that the command wants. */
const keyOf = (kind: string) =>
  fc.oneof({ weight: 12, arbitrary: oneOf(`${kind}1`, `${kind}2`) }, { weight: 1, arbitrary: anyKey })
const anyKey = oneOf('text1', 'list1', 'set1', 'hash1', 'zset1', 'list2', 'hash2', 'none')
const [text, list, set, hash, zset] = ['text', 'list', 'set', 'hash', 'zset'].map(keyOf) as [
  fc.Arbitrary<string>,
  fc.Arbitrary<string>,
  fc.Arbitrary<string>,
  fc.Arbitrary<string>,
  fc.Arbitrary<string>,
]

const value = oneOf('a', 'b', 'c', '7', '', 'caf\u00e9', 'x y', '\n', '\u0000\u00ff', '12x')
const field = oneOf('f', 'g', 'h', 'n')
const index = oneOf('0', '1', '2', '-1', '-2', '5', '-9', 'x')
const count = oneOf('0', '1', '2', '-1', '3')
const number = oneOf('1', '2', '-1', '10', '0', 'x', '')
const score = oneOf('1', '2', '3', '1000', '-5', '+inf', 'x')
const bound = oneOf('1', '2', '(2', '-inf', '+inf', 'x', '1000')
const LONG_MS = '300000'
const flag = (name: string) => fc.constantFrom<string[]>([], [name])
const end = oneOf('LEFT', 'RIGHT', 'left', 'MIDDLE')

const flat = (...parts: fc.Arbitrary<string | string[]>[]) => fc.tuple(...parts).map(each => each.flat())

/** One command. Times of keys are minutes: what runs out does so in a step of its own. */
export const command: fc.Arbitrary<string[]> = fc.oneof(
  words(w('GET'), text),
  flat(w('SET'), text, value, fc.constantFrom<string[]>([], ['NX'], ['XX'], ['KEEPTTL'], ['BAD'], ['PX'])),
  flat(w('SET'), text, value, w('PX'), oneOf(LONG_MS, '0', '-1'), flag('NX')),
  flat(oneOf('DEL', 'UNLINK', 'EXISTS'), some(anyKey)),
  words(w('TYPE'), anyKey),
  words(w('INCR'), text),
  flat(w('MGET'), some(anyKey)),
  words(w('SETNX'), text, value),
  words(w('GETDEL'), text),
  words(w('PEXPIREAT'), anyKey, oneOf('9000000000000', '1', 'x')),
  flat(w('SMISMEMBER'), set, some(value)),
  flat(w('ZMSCORE'), zset, some(field)),
  words(w('INCRBY'), text, number),
  flat(w('PEXPIRE'), anyKey, oneOf(LONG_MS, '0', '-1', 'x'), fc.constantFrom<string[]>([], ['NX'], ['XX'])),
  words(w('EXPIRE'), anyKey, oneOf('300', '0')),
  words(oneOf('PTTL', 'PERSIST'), anyKey),
  words(w('KEYS'), oneOf('*', 'list*', 'list?', 'x')),

  flat(oneOf('RPUSH', 'LPUSH'), list, some(value)),
  words(oneOf('LPOP', 'RPOP'), list),
  words(oneOf('LPOP', 'RPOP'), list, oneOf('0', '1', '2', '-1')),
  words(w('LMOVE'), list, list, end, end),
  words(w('BLMOVE'), list, w('list2'), oneOf('LEFT', 'RIGHT'), end, oneOf('-1', 'x')),
  words(w('BLPOP'), list, oneOf('-1', 'x')),
  words(w('LLEN'), list),
  words(oneOf('LRANGE', 'LTRIM'), list, index, index),
  words(w('LINDEX'), list, index),
  words(w('LREM'), list, count, value),
  words(w('LPOS'), list, value),
  words(w('LPOS'), list, value, w('RANK'), oneOf('1', '-1', '2', '-2', '0')),
  words(w('LPOS'), list, value, w('RANK'), oneOf('1', '-1'), w('MAXLEN'), oneOf('0', '1', '2', '-1')),

  flat(w('HSET'), hash, field, value),
  flat(w('HSET'), hash, field, value, field, value),
  words(w('HSET'), hash, field, value, field),
  words(w('HSETNX'), hash, field, value),
  words(oneOf('HGET', 'HEXISTS'), hash, field),
  flat(oneOf('HMGET', 'HDEL'), hash, some(field)),
  words(oneOf('HGETALL', 'HVALS', 'HKEYS', 'HLEN'), hash),
  words(w('HINCRBY'), hash, w('n'), number),

  flat(oneOf('SADD', 'SREM'), set, some(value)),
  words(oneOf('SMEMBERS', 'SCARD'), set),
  words(w('SISMEMBER'), set, value),

  flat(
    w('ZADD'),
    zset,
    fc.constantFrom<string[]>([], ['NX'], ['XX'], ['CH'], ['GT'], ['LT', 'CH'], ['NX', 'XX']),
    score,
    field,
  ),
  words(w('ZADD'), zset, score, field, score, field),
  flat(w('ZREM'), zset, some(field)),
  words(w('ZSCORE'), zset, field),
  words(w('ZCARD'), zset),
  words(w('ZCOUNT'), zset, bound, bound),
  flat(oneOf('ZRANGE', 'ZREVRANGE'), zset, index, index, flag('WITHSCORES')),
  flat(
    w('ZRANGEBYSCORE'),
    zset,
    bound,
    bound,
    fc.constantFrom<string[]>([], ['WITHSCORES'], ['LIMIT', '0', '1']),
  ),
  words(w('ZREMRANGEBYRANK'), zset, index, index),
  words(w('ZREMRANGEBYSCORE'), zset, bound, bound),
  flat(w('ZPOPMIN'), zset, fc.constantFrom<string[]>([], ['2'], ['0'])),

  words(w('MULTI')),
  words(w('EXEC')),
  words(w('DISCARD')),
  words(w('PUBLISH'), oneOf('c1', 'c2'), value),
  words(w('PUBSUB'), w('NUMSUB'), oneOf('c1', 'c2'), w('c1')),
  words(w('ECHO'), value),
  words(w('PING')),
  words(w('GET')),
  words(w('NOSUCH'), field),
  words(w('SELECT'), oneOf('0', '99')),
)

const dialId = oneOf('d1', 'd2')
const agent = oneOf('ann', 'bob')
const fence = oneOf('7', '8', '9')
const history = oneOf('0,1,2', '16,40')
const device = fc
  .record({
    id: oneOf('dev1', 'dev2'),
    token: oneOf('t1', 't2'),
    platform: oneOf('apns', 'fcm'),
    app: oneOf('x', 'y'),
    lastSeenMs: fc.constantFrom(5, 1_700_000_000_000),
    registeredAtMs: fc.constantFrom(3, 9),
    answers: fc.oneof(fc.constant(undefined), history, oneOf('"', '')),
  })
  .map(each => JSON.stringify(each))
const waiter = oneOf('inbox:a 1', 'inbox:a 2', 'inbox:b 1')
const why = oneOf('timeout', 'caller_hangup', 'no-device')

/** By what an app is known: by a token or by its push's own key, with what it posted beside that. */
const app = fc.oneof(
  flat(w('token'), oneOf('dev1', 'dev2'), w(''), oneOf('', '5')),
  flat(w('key'), w(''), oneOf('k1', ''), w('')),
)

interface Call {
  keys: string[]
  args: string[]
}

const call = (
  keys: fc.Arbitrary<string | string[]>[],
  args: fc.Arbitrary<string | string[]>[],
): fc.Arbitrary<Call> => fc.record({ keys: flat(...keys), args: flat(...args) })

const callKeys = dialId.map(id => [`call:${id}`, `over:${id}`])
const fieldPairs = fc.constantFrom<string[]>([], ['state.0', 'answered'], ['fence', '8', 'x', 'y'])

/** How each script is called. One that is not named here gets any keys and any arguments. */
const SHAPES: Record<string, fc.Arbitrary<Call>> = {
  callClaim: call(
    [dialId.map(id => [`call:${id}`, `revoked:${id}`]), flag('owned:ann')],
    [agent, dialId, w(LONG_MS), w('fence'), fence, w('steps'), w('0'), w('owner'), agent],
  ),
  callEvent: call(
    [callKeys, w('said:1'), fc.constantFrom<string[]>([], ['history1', 'active1'])],
    [
      fence,
      oneOf('1', '2', '3'),
      oneOf('', 'c1'),
      value,
      oneOf('start', 'add', ''),
      oneOf('+0', '-0', ''),
      w('300'),
      w('300'),
      oneOf('', LONG_MS),
      oneOf('', '', LONG_MS),
      oneOf('', 'x'),
      fieldPairs,
    ],
  ),
  callMove: call(
    [dialId.map(id => `call:${id}`), fc.constantFrom<string[]>([], ['owned:ann', 'owned:bob'])],
    [agent, oneOf('', '7', '8'), agent, oneOf('c1', 'c2'), value],
  ),
  callHear: call(
    [dialId.map(id => `call:${id}`), oneOf('said:1', 'said:2')],
    [fence, field, value, oneOf('0', '1')],
  ),
  callRelease: call([callKeys], [fence, w(LONG_MS)]),
  callRevoke: call([dialId.map(id => [`call:${id}`, `revoked:${id}`])], [agent, w(LONG_MS)]),
  publishOnce: call(
    [oneOf('said:1', 'said:2'), fc.constantFrom<string[]>([], ['call:d1'])],
    [oneOf('c1', 'c2'), value, w(LONG_MS), field],
  ),
  deadLetter: call(
    [w('dead')],
    [
      fc.oneof(
        w(''),
        oneOf('2026-01-01', '2026-01-02').map(at => JSON.stringify({ at, job: 'j' })),
        w('x'),
      ),
      oneOf('2', '3'),
      oneOf('2026-01-02', '2025-01-01'),
      w('300'),
      oneOf('1', '5'),
    ],
  ),
  jobPutBack: call([list, list, oneOf('back1', 'back2')], [value, w(LONG_MS)]),
  jobQueue: call(
    [
      fc.constantFrom(
        ['list1', 'noted:1', 'noted:1'],
        ['list1', 'noted:1', 'asked:1'],
        ['list2', 'noted:2', 'asked:1', 'call:d1', 'list1', 'noted:1'],
      ),
    ],
    [
      oneOf('p1', 'p2'),
      dialId,
      oneOf('a', 'b'),
      w('600000'),
      w('3600000'),
      oneOf('1', '700000'),
      w('10'),
      oneOf('', '1'),
    ],
  ),
  agentRenew: call([agent.map(name => [`lease:${name}`, `tomb:${name}`])], [value, w(LONG_MS)]),
  agentBury: call([agent.map(name => [`lease:${name}`, `tomb:${name}`])], [w(LONG_MS)]),
  deviceRegister: call([w('devices')], [oneOf('', 's1', 's2', 's3'), device, oneOf('1', '2')]),
  deviceRemove: call([w('devices')], [oneOf('t1', 't2'), oneOf('', 'apns'), oneOf('', 'x'), oneOf('', '5')]),
  deviceLearned: call([w('devices')], [oneOf('dev1', 'dev2', 's1'), history]),
  deviceSeen: call([w('devices')], [w('1700000000123'), oneOf('', 's1')]),
  wakeBegin: call(
    [w('wake'), w('woken'), flag('devices')],
    [
      waiter,
      w(LONG_MS),
      oneOf('120000', '400000'),
      oneOf('acc', 'bcc'),
      oneOf('s1', 's2'),
      oneOf('2', '9'),
      oneOf('1', '0'),
      w('key:'),
      fc.constantFrom<string[]>([], ['k1', 'dev1']),
    ],
  ),
  wakeAnswer: call(
    [oneOf('wake', 'key:k1')],
    [app, oneOf('1', '0'), oneOf('120000', '900000'), oneOf('1', '0'), oneOf('', '@1700000000123')],
  ),
  wakeVerdict: call(
    [oneOf('wake', 'key:k1')],
    [app, oneOf('120000', '900000'), oneOf('c1', 'c2'), oneOf('1', '9')],
  ),
  wakeHeard: call([w('wake')], [oneOf('dev1', 'dev2'), oneOf('1', '0')]),
  wakeEnd: call([w('wake')], [why, oneOf('', 'inbox:a 1')]),
  wakeLeave: call([w('wake')], [waiter, oneOf('1', 'unsure', '2 dev1=2:1500:500'), oneOf('1', '0')]),
  wakeLook: call([w('wake')], [waiter]),
  timelineAppend: fc
    .record({
      ids: some(oneOf('i1', 'i2')),
      leftOut: oneOf('0', '2'),
      entries: some(oneOf('{"n":1}', '{"n":2}', '{"n":3}'), 6),
      uniqueKeys: oneOf('', '=a1\n', '=a1 a2\n'),
    })
    .map(({ ids, leftOut, entries, uniqueKeys }) => ({
      keys: ['timelines'],
      args: [
        '1',
        '2',
        '5',
        '300',
        'timeline:',
        'of:',
        '2',
        '2',
        '1700000000000',
        ids.map(id => `${leftOut} 5 ${id} acc\n${uniqueKeys}${entries.join('\n')}`).join('\n'),
        'key:',
        '600',
      ],
    })),
}

const anyCall = call([some(anyKey, 4)], [some(value, 8)])

/** One of our scripts, mostly as our code calls it. */
export const scriptCall: fc.Arbitrary<string[]> = fc
  .constantFrom(...SCRIPTS)
  .chain(([name, lua]) =>
    fc
      .oneof({ weight: 12, arbitrary: SHAPES[name] ?? anyCall }, { weight: 1, arbitrary: anyCall })
      .map(({ keys, args }) => ['EVAL', lua, String(keys.length), ...keys, ...args]),
  )

export const anyCommand = fc.oneof({ weight: 3, arbitrary: command }, { weight: 2, arbitrary: scriptCall })

/** A key that runs out while everybody waits. */
export const expiringKey = anyKey
