import { afterAll, beforeAll, expect, test } from 'bun:test'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { EslProbe } from './eslProbe.ts'
import type { RecordEntry } from './records.ts'
import { type RemoteSwitch, remoteSwitch } from './remote.ts'
import { ended, parkedLeg, supervisor, talkingCall } from './testCalls.ts'

const folder = mkdtempSync(join(tmpdir(), 'test-switch-'))
const recordFile = join(folder, 'record.jsonl')
let child: Bun.Subprocess<'ignore', 'pipe', 'inherit'>
let port: number
let remote: RemoteSwitch

beforeAll(async () => {
  const main = new URL('main.ts', import.meta.url).pathname
  const flags = [
    '--port',
    '0',
    '--ms-per-second',
    '20',
    '--gateway',
    'talk_call_provider',
    '--gateway',
    'second',
  ]
  const phones = ['--phones', '{"15105620099":{"kind":"reject"}}']
  child = Bun.spawn([process.execPath, main, ...flags, ...phones, '--record', recordFile], {
    stdout: 'pipe',
    stderr: 'inherit',
  })
  const { value } = await child.stdout.getReader().read()
  const ports = JSON.parse(new TextDecoder().decode(value)) as { port: number; controlPort: number }
  port = ports.port
  remote = remoteSwitch(ports.controlPort)
})
afterAll(async () => {
  child.kill('SIGKILL')
  await child.exited
  rmSync(folder, { recursive: true })
})

test('a switch of its own process is told what to do and tells what it did', async () => {
  const probe = await EslProbe.listen(port)
  const legs = await talkingCall(probe)
  expect(await remote.hears(legs.a)).toEqual(new Set([legs.b]))
  expect(await remote.channel(legs.a)).toMatchObject({
    bridgedTo: legs.b,
    state: 'answered',
    dialId: 'dial-1',
  })
  expect(await remote.channel('nobody')).toBeUndefined()
  const s = await supervisor(probe, legs.a, { variables: '' })
  expect(await remote.press(s, '2')).toBe(true)
  expect(await remote.hangup(legs.b)).toBe(true)
  await ended(probe, legs.a)
  expect((await remote.records(0, ['ring'])).map(ring => ring.kind === 'ring' && ring.channelUuid)).toEqual([
    ...[legs.a, legs.b, s],
  ])
  expect(await remote.injections()).toEqual([])
  expect(await remote.status()).toMatchObject({ port, connectionCount: 1 })
  probe.close()
})

test('its phones, gateways, files and moods are set from afar', async () => {
  const probe = await EslProbe.listen(port, 'json ALL')
  expect(await probe.api('originate sofia/gateway/second/15105620099 &park()')).toBe('-ERR CALL_REJECTED\n')
  await remote.phone('15105620099', { kind: 'busy' })
  expect(await probe.api('originate sofia/gateway/second/15105620099 &park()')).toBe('-ERR USER_BUSY\n')
  await remote.gateway('second', undefined)
  expect(await probe.api('originate sofia/gateway/second/15105620099 &park()')).toBe('-ERR INVALID_GATEWAY\n')
  await remote.file('/new.wav', 2)
  expect(await probe.api('file_exists /new.wav')).toBe('true')
  await remote.set({ maxChannels: 1 })
  await remote.addForeignCalls(2, { turnsPerSecond: 100 })
  await probe.event('CHANNEL_HANGUP_COMPLETE')
  await remote.stopForeignCalls()
  await remote.set({ maxChannels: 0 })
  await expect(remote.answer('nobody')).resolves.toBe(false)
  probe.close()
})

test('its record outlives a restart, and in its file even its own death', async () => {
  const probe = await EslProbe.listen(port)
  const uuid = await parkedLeg(probe)
  const { coreUuid } = await remote.status()
  await remote.restart({ graceful: true })
  await probe.until(() => probe.isClosed)
  const after = await remote.status()
  expect(after).toMatchObject({ port, connectionCount: 0 })
  expect(after.coreUuid).not.toBe(coreUuid)
  const record = await remote.records()
  child.kill('SIGKILL')
  await child.exited
  const kept = readFileSync(recordFile, 'utf8').trimEnd().split('\n')
  const entries = kept.map(line => JSON.parse(line) as RecordEntry)
  expect(entries.slice(0, record.length)).toEqual(record)
  expect(entries.some(entry => entry.kind === 'ring' && entry.channelUuid === uuid)).toBe(true)
  await expect(remote.status()).rejects.toThrow()
})
