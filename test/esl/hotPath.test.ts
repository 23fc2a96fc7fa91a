// The one promise about time that dial/ builds on: when `bgapi` and `api` return, their bytes are with the kernel.
import { expect, test } from 'bun:test'
import { join } from 'node:path'
import pino from 'pino'
import { asCommand } from '../../src/esl/command.ts'
import { SwitchLink } from '../../src/esl/link.ts'

test('a command reaches the switch while the thread that sent it stands still', async () => {
  const shared = new SharedArrayBuffer(4)
  const arrived = new Int32Array(shared)
  const worker = new Worker(join(import.meta.dir, 'waitingSwitch.ts'))
  const port = await new Promise<number>(resolve => {
    worker.onmessage = (message: MessageEvent<number>) => resolve(message.data)
    worker.postMessage(shared)
  })
  const ready = Promise.withResolvers<void>()
  const link = new SwitchLink({
    host: '127.0.0.1',
    port,
    password: 'ClueCon',
    log: pino({ level: 'silent' }),
    random: () => 0,
    onReady: () => ready.resolve(),
    onLost: loss => ready.reject(new Error(loss.kind)),
    onEvent() {},
  })
  link.start()
  await ready.promise

  void link.bgapi(asCommand('originate x'), { jobUuid: 'job', timeoutMs: 60_000 })
  expect(Atomics.wait(arrived, 0, 0, 5_000)).not.toBe('timed-out')
  void link.api(asCommand('status'))
  expect(Atomics.wait(arrived, 0, 1, 5_000)).not.toBe('timed-out')
  expect(Atomics.load(arrived, 0)).toBe(2)

  link.close()
  worker.terminate()
})
