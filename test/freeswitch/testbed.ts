// Everything that the suite's tests share: a Redis of their own, the service as a process in its agent role, the
// phones, and a look into the switch. Opened once, closed once; after each test it must be as empty as before.
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import * as keys from '../../src/redis/keys.ts'
import { eventually, readMetrics, untilReady } from '../harness/internal.ts'
import { startRedis, type TestRedis } from '../harness/redis.ts'
import { startService, type TestService } from '../harness/service.ts'
import { type Lines, openLines } from './line.ts'
import { openPhones, type Phones } from './phones.ts'
import {
  DEAD_GATEWAY,
  DOWN_GATEWAY,
  ESL_PASSWORD,
  ESL_URL,
  GATEWAY,
  openProbe,
  PHONES_ADDRESS,
  SIP_PROFILE,
  SOUNDS,
  type SwitchProbe,
} from './settings.ts'
import { wavOf } from './tones.ts'

/** Hertz of everything that can be heard. Their harmonics meet none of the others. */
export const HERTZ = { A: 600, B: 1_000, S: 1_400, S2: 1_850, file: 2_300, music: 2_750 } as const

/** FreeSWITCH compares whole seconds, so a phone rings 2 to 3 s. */
export const RING_TIMEOUT_SECONDS = 3

/** Longer than any test listens. */
const FILE_SECONDS = 30

/** What stands in Redis without any call: the agents' own, what the contract says is kept, and marks that expire. */
const EXPIRING_MARKS = [
  keys.saidKey('', ''),
  keys.callOverKey(''),
  keys.switchChannelOverKey(''),
  keys.paceKey(''),
].map(beginning)
const LASTING_KEYS = [
  ...EXPIRING_MARKS,
  ...[keys.AGENTS_KEY, keys.agentLeaseKey(''), keys.switchChannelKey(''), keys.ownedChannelsKey('')].map(
    beginning,
  ),
  ...[keys.PODS_KEY, keys.podKey(''), keys.minuteKey(0), keys.timelineKey(''), keys.TIMELINES_KEY].map(
    beginning,
  ),
  ...[keys.devicesKey('')].map(beginning),
  ...[keys.timelinesOfKey(''), 'redswitch_history.'].map(beginning),
]
const LASTING_CHANNELS = [keys.agentChannel(''), keys.wakeAnswersChannel(''), keys.selfTestChannel('')]

/** What all keys of a kind begin with, of one that names nobody. */
function beginning(key: string): string {
  return key.split(/\{0?\}/)[0]!
}

const beginsWithAny = (text: string, beginnings: readonly string[]): boolean =>
  beginnings.some(each => text.startsWith(each))

export interface Testbed {
  redis: TestRedis
  service: TestService
  phones: Phones
  probe: SwitchProbe
  lines: Lines
  sounds: { file: string; music: string; missing: string }
  /** Channels that calls of the running test used: none may be left. */
  usedChannels: Set<string>
  /** Waits until nothing is left of the test's calls: not in Redis, not at the switch, not at the phones. */
  untilEmpty(): Promise<void>
  close(): Promise<void>
}

export async function openTestbed(): Promise<Testbed> {
  // What is open already is closed again when the rest can't be opened.
  await using opened = new AsyncDisposableStack()
  const redis = opened.use(await startRedis())
  const phones = opened.adopt(await openPhones(PHONES_ADDRESS), each => each.close())
  const probe = opened.adopt(await switchProbe(), each => each.close())
  const sounds = await makeSounds(opened)
  if ((await probe.ask(`file_exists ${sounds.file}`)) !== 'true')
    throw new Error(`the switch can't read ${SOUNDS}: set FREESWITCH_SOUNDS to a directory that it can`)
  const service = opened.use(
    await startService({
      ROLE: 'agent',
      PUBSUB_REDIS_URL: redis.url,
      ESL_URL,
      ESL_PASSWORD,
      GATEWAY,
      GATEWAYS: `no-gateway=no_such_gateway,dead-gateway=${DEAD_GATEWAY},down-gateway=${DOWN_GATEWAY}`,
      SIP_PROFILE,
      RING_TIMEOUT: String(RING_TIMEOUT_SECONDS),
      RED_MODE: 'load-test',
    }),
  )
  await untilReady(service.internalUrl)
  const lines = opened.adopt(openLines(redis.port), each => each.close())
  const usedChannels = new Set<string>()

  const openChannels = async () => (await redis.client.pubsub('CHANNELS', '*')) as string[]
  const isListeningToCore = async () => (await openChannels()).includes(probe.coreUuid)
  await eventually("the service on the switch's channel", isListeningToCore)

  async function remains(): Promise<string[]> {
    const callKeys = (await redis.client.keys('*')).filter(key => !beginsWithAny(key, LASTING_KEYS))
    const channels = (await openChannels()).filter(
      channel => !beginsWithAny(channel, LASTING_CHANNELS) && channel !== probe.coreUuid,
    )
    const gone = await Promise.all(
      [...usedChannels].map(async uuid => [uuid, await probe.ask(`uuid_exists ${uuid}`)] as const),
    )
    const marks = (await redis.client.keys('hookswitch:*')).filter(key => beginsWithAny(key, EXPIRING_MARKS))
    const forEver = await Promise.all(marks.map(async key => (await redis.client.ttl(key)) === -1))
    return [
      ...(forEver.includes(true) ? ['marks in Redis that never expire'] : []),
      ...callKeys.map(key => `the Redis key ${key}`),
      ...channels.map(channel => `the subscription to ${channel}`),
      ...gone.filter(([, answer]) => answer !== 'false').map(([uuid]) => `the channel ${uuid}`),
      ...phones.liveLegs().map(leg => `a phone's call from ${leg.callerId}`),
    ]
  }

  const everything = opened.move()
  return {
    redis,
    service,
    phones,
    probe,
    lines,
    sounds,
    usedChannels,

    async untilEmpty() {
      await lines.closeAll()
      let left: string[] = []
      await eventually('an empty testbed', async () => {
        left = await remains()
        return left.length === 0
      }).catch(async () => {
        // The next test shall not suffer for this one.
        await Promise.all([...usedChannels].map(uuid => probe.ask(`uuid_kill ${uuid}`)))
        usedChannels.clear()
        throw new Error(`left behind: ${left.join(', ')}`)
      })
      usedChannels.clear()
      const countsCalls = async () => (await readMetrics(service.internalUrl)).get('hookswitch_calls')
      await eventually('a service that counts no call', async () => (await countsCalls()) === 0)
    },

    close: () => everything.disposeAsync(),
  }
}

async function switchProbe(): Promise<SwitchProbe> {
  const probe = await openProbe()
  if (!probe) throw new Error('the switch was there a moment ago')
  return probe
}

/** Tones as files, in a directory that is removed with everything else. */
async function makeSounds(opened: AsyncDisposableStack): Promise<Testbed['sounds']> {
  const directory = await mkdtemp(join(SOUNDS, 'hookswitch-sounds-'))
  opened.defer(() => rm(directory, { recursive: true, force: true }))
  await chmod(directory, 0o755)
  const write = async (name: string, hertz: number) => {
    const path = join(directory, name)
    await Bun.write(path, wavOf(hertz, FILE_SECONDS))
    return path
  }
  return {
    file: await write('announcement.wav', HERTZ.file),
    music: await write('music.wav', HERTZ.music),
    missing: join(directory, 'missing.wav'),
  }
}
