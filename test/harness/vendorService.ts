// The service with a stand-in for Apple and Google, run by `startVendorService` as a process of its own: each push is
// sent to the test, which says what becomes of it. It also weighs its own memory when asked. Everything else is as in
// `src/main.ts`.
import { heapStats } from 'bun:jsc'
import { openService } from '../../src/app/service.ts'
import { openLog } from '../../src/base/log.ts'
import { createMetrics } from '../../src/base/metrics.ts'
import { readConfig } from '../../src/config/config.ts'
import type { Apps } from '../../src/push/apps.ts'
import type { AppEntry } from '../../src/push/appsFile.ts'
import type { Platform, PushOutcome, PushSender } from '../../src/push/push.ts'
import type { HeapWeight, ToVendorService, VendorPush } from './vendor.ts'

const read = readConfig(process.env)
if (!read.ok) throw new Error(read.failure.join('\n'))
const config = read.value
const log = openLog(
  { level: config.logLevel, showsFullNumbers: config.showsFullNumbers, isPretty: false },
  'hookswitch',
)

const KNOWN_APP = 'com.example.phone'
const entryOf = (platform: Platform): AppEntry => ({
  platform,
  settings: { platform: 'android', app: KNOWN_APP, projectId: 'p', clientEmail: 'e', privateKey: 'k' },
  version: '1',
})
const apps: Apps = {
  isOpen: false,
  find: (app, platform) => (app === KNOWN_APP ? entryOf(platform) : undefined),
  // Phones that register by SIP name it by its project.
  all: () => [entryOf('android')],
  onChange: () => () => undefined,
  close: () => undefined,
}

const unanswered = new Map<number, (outcome: PushOutcome) => void>()
let pushes = 0
const sender: PushSender = {
  send(target, payload) {
    const { promise, resolve } = Promise.withResolvers<PushOutcome>()
    const id = ++pushes
    unanswered.set(id, resolve)
    process.send!({ id, target, payload } satisfies VendorPush)
    return promise
  },
  async close() {},
}
process.on('message', (message: ToVendorService) => {
  if (message.kind === 'weigh') return void weigh()
  unanswered.get(message.id)?.(message.outcome)
  unanswered.delete(message.id)
})

/** What this thread and the wait worker (`measuredWait.ts`) keep once all garbage is gone. */
async function weigh(): Promise<void> {
  const scale = new BroadcastChannel('weigh')
  const { promise, resolve } = Promise.withResolvers<number>()
  scale.onmessage = ({ data }) => resolve(data as number)
  scale.postMessage('weigh')
  const waitWorkerBytes = await promise
  scale.close()
  Bun.gc(true)
  process.send!({ mainBytes: heapStats().heapSize, waitWorkerBytes } satisfies HeapWeight)
}

const waitProgram = process.env.TEST_WAIT_PROGRAM
const service = await openService({
  config,
  apps,
  metrics: createMetrics(),
  log,
  pod: crypto.randomUUID(),
  isPretty: false,
  openSender: () => sender,
  ...(waitProgram ? { waitProgram: new URL(waitProgram, import.meta.url) } : {}),
})
log.info({ public: service.publicUrl, internal: service.internalUrl }, 'hookswitch is up')

process.on('SIGTERM', async () => {
  await service.stop()
  process.exit(0)
})
