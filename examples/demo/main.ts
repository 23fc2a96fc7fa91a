// The demonstration: starts the service and everything around it, tells wakes and calls as they happen, and then serves on
// for whoever wants to try. Ctrl-C ends it, with nothing left running. It uses a Redis of its own and touches no other.
import { parseArgs } from 'node:util'
import { portHolder } from '../../src/app/portHolder.ts'
import { messageOf } from '../../src/base/result.ts'
import { openEar } from './ear.ts'
import { createNarrator } from './narrator.ts'
import { openPhoneBooth } from './phoneBooth.ts'
import { usualOrFree } from './ports.ts'
import { createSleeper } from './sleeper.ts'
import { openStage } from './stage.ts'
import { answerPush, CAST, tellAccountCall, tellCall, tellDialplan, tellWake } from './story.ts'
import { linesToTry } from './tryIt.ts'

/** Slow enough to read along. */
const PACE_MS = 600

/** A phone that nobody answers must not keep a newcomer waiting. */
const RING_TIMEOUT_SECONDS = 15

/** 128 + SIGINT: a second Ctrl-C, for whoever can't wait. */
const EXIT_SECOND_SIGNAL = 130

const { values } = parseArgs({ options: { pace: { type: 'string', default: String(PACE_MS) } } })
const paceMs = Number(values.pace)
const narrator = createNarrator(
  text => void process.stdout.write(text),
  process.stdout.isTTY === true && !process.env.NO_COLOR,
)

const opened = new AsyncDisposableStack()
let isEnding = false
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.on(signal, async () => {
    if (isEnding) process.exit(EXIT_SECOND_SIGNAL)
    isEnding = true
    narrator.plain('\nEnding: calls are hung up, everything that was started is stopped.')
    await opened.disposeAsync()
    process.exit(0)
  })

try {
  await show()
} catch (thrown) {
  // What breaks because everything is being taken away is no failure.
  if (!isEnding) {
    narrator.plain(`\nThe demonstration failed: ${messageOf(thrown)}`)
    await opened.disposeAsync()
    process.exit(1)
  }
}

async function show(): Promise<void> {
  narrator.plain('Starting Redis, a stand-in for FreeSWITCH, and hookswitch ...')
  let appAnswered: Promise<void> | undefined
  const ports = {
    public: await port(8080),
    internal: await port(9090),
    esl: await port(8021),
    socket: await port(8084),
  }
  const sleeper = createSleeper(paceMs)
  const stage = opened.use(
    await openStage({
      env: {
        PORT: String(ports.public),
        INTERNAL_PORT: String(ports.internal),
        SOCKET_PORT: String(ports.socket),
        // They are made up, and the page shows them as the story has them.
        LOG_FULL_NUMBERS: 'true',
        RING_TIMEOUT: String(RING_TIMEOUT_SECONDS),
      },
      switch: {
        port: ports.esl,
        answerAfterMs: paceMs,
        // As docs/pbx-recipes.md has it.
        extensions: {
          [CAST.sleeper]: [
            `set hookswitch_account=${CAST.sleeper}`,
            'set socket_resume=true',
            `socket 127.0.0.1:${ports.socket} async full`,
            `bridge user/${CAST.sleeper}`,
          ],
        },
        onRecord: entry => {
          sleeper.see(entry)
          if (!isEnding) narrator.switchDid(entry)
        },
      },
      async sendPush({ token }, payload) {
        if (sleeper.isPushedBy(token)) {
          narrator.push(payload, CAST.sleeper)
          void sleeper.hear(payload)
          return { kind: 'accepted', id: 'demo' }
        }
        narrator.push(payload, 'app')
        appAnswered = answerPush(payload, narrator, paceMs).catch(thrown =>
          narrator.plain(`The app could not answer: ${messageOf(thrown)}`),
        )
        return { kind: 'accepted', id: 'demo' }
      },
    }),
  )
  const ear = await openEar(stage.redis)
  opened.defer(ear.close)
  ear.listen(narrator.heard)
  const { publicUrl = '', internalUrl } = stage.service
  narrator.plain(`
  hookswitch   ${publicUrl} for PBXs and apps, ${internalUrl} for operators (open it in a browser)
  Redis        ${stage.redis.url}, the demonstration's own
  switch       127.0.0.1:${ports.esl}, speaks FreeSWITCH's event socket; its phones are played`)
  const booth = opened.use(openPhoneBooth(stage.testSwitch))

  await tellWake({ stage, ear, narrator, paceMs })
  // The PBX may hear of it before the app has its own answer.
  await appAnswered
  await tellCall({ stage, ear, narrator, paceMs })
  await tellDialplan({ stage, ear, narrator, paceMs }, sleeper)
  await tellAccountCall({ stage, ear, narrator, paceMs })

  narrator.title('Everything goes on running, and is told here; Ctrl-C ends it.')
  const places = {
    redisUrl: stage.redis.url,
    publicUrl,
    internalUrl,
    boothUrl: booth.url,
    which: (name: string) => Bun.which(name),
  }
  for (const line of linesToTry(places)) narrator.plain(line)
}

async function port(usual: number): Promise<number> {
  const free = await usualOrFree(usual)
  if (free !== usual)
    narrator.plain(`Port ${usual} is taken: ${portHolder(usual)} listens there. Using ${free}.`)
  return free
}
