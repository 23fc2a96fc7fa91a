// The service with everything around it that it needs and a new machine has not: a Redis of its own and a switch
// that is none but speaks its language. Opened in one piece and closed in one piece; the demonstration and the
// command line's tests stand on it.

import { openService, type Service } from '../../src/app/service.ts'
import { openLog } from '../../src/base/log.ts'
import { createMetrics } from '../../src/base/metrics.ts'
import { readConfig } from '../../src/config/config.ts'
import type { Apps } from '../../src/push/apps.ts'
import type { AppEntry } from '../../src/push/appsFile.ts'
import type { Platform, PushSender } from '../../src/push/push.ts'
import { openAgentDirectory } from '../../src/redis/agents/directory.ts'
import { eventually } from '../../test/harness/internal.ts'
import { startRedis, type TestRedis } from '../../test/harness/redis.ts'
import type { TestSwitchOptions } from '../../test/switch/settings.ts'
import { startTestSwitch, type TestSwitch } from '../../test/switch/testSwitch.ts'

export interface StageOptions {
  /** Settings of the service beyond Redis and the switch. */
  env: Record<string, string>
  switch: TestSwitchOptions
  /** Gets the pushes instead of Apple and Google. */
  sendPush: PushSender['send']
}

export interface Stage extends AsyncDisposable {
  redis: TestRedis
  service: Service
  testSwitch: TestSwitch
  /** Ends all calls, then the service, then what it stands on. */
  close(): Promise<void>
}

/** The gateway through which every call goes. */
const GATEWAY = 'phones'

/** Resolves when the service can be called and its agent is connected to the switch. */
export async function openStage(options: StageOptions): Promise<Stage> {
  await using opened = new AsyncDisposableStack()
  const redis = opened.use(await startRedis())
  const testSwitch = await startTestSwitch({ gateways: { [GATEWAY]: 'up' }, ...options.switch })
  opened.defer(() => testSwitch.close())

  const read = readConfig({
    HOST: '127.0.0.1',
    PORT: '0',
    INTERNAL_PORT: '0',
    SOCKET_PORT: '0',
    PUBSUB_REDIS_URL: redis.url,
    ESL_URL: `127.0.0.1:${testSwitch.port}`,
    GATEWAY,
    LOG_LEVEL: 'error',
    // Calls are hung up before: nothing is left to wait for.
    DRAIN_MAX: '2',
    ...options.env,
  })
  if (!read.ok) throw new Error(read.failure.join('\n'))
  const config = read.value
  const isPretty = process.stdout.isTTY === true
  const log = openLog({ level: config.logLevel, showsFullNumbers: true, isPretty }, 'hookswitch')
  const service = await openService({
    config,
    apps: ANY_ANDROID_APP,
    metrics: createMetrics(),
    log,
    pod: `stage-${process.pid}`,
    isPretty,
    openSender: () => ({ send: options.sendPush, async close() {} }),
  })
  opened.defer(async () => {
    for (const { uuid } of testSwitch.channels()) testSwitch.hangup(uuid)
    await service.stop()
  })
  const directory = openAgentDirectory(redis.client)
  const isConnected = async () =>
    [...(await directory.all()).values()].some(card => card && card.coreUuid !== '')
  // The agent listens on the switch's own channel a moment after it has connected.
  const isListening = async () => Number((await redis.client.pubsub('NUMSUB', testSwitch.coreUuid))[1]) > 0
  if (config.role !== 'front') {
    await eventually('an agent at the switch', isConnected)
    await eventually("an agent on the switch's channel", isListening)
  }

  const closing = opened.move()
  const close = () => closing.disposeAsync()
  return { redis, service, testSwitch, close, [Symbol.asyncDispose]: close }
}

/** Google's project of every app here, as phones that register by SIP name it. */
export const PROJECT = 'demo'

const androidApp = (app: string, platform: Platform): AppEntry => ({
  platform,
  settings: { platform: 'android', app, projectId: PROJECT, clientEmail: 'demo', privateKey: 'demo' },
  version: '1',
})

/** Whatever calls itself an Android app may be pushed; the keys are nobody's, for nothing is sent. */
const ANY_ANDROID_APP: Apps = {
  isOpen: false,
  find: androidApp,
  all: () => [androidApp('com.example.phone', 'android')],
  onChange: () => () => undefined,
  close: () => undefined,
}
