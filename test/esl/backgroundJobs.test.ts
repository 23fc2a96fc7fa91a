// What becomes of a background job: accepted or not, its result early, late or never.
import { afterEach, describe, expect, test } from 'bun:test'
import { closeAll, done, JOB, readyLink, SILENCE, STATUS } from './linkHarness.ts'
import type { Behaviour, Peer } from './spoofedSwitch.ts'

afterEach(closeAll)

describe('a background job', () => {
  const accepting = (then?: (peer: Peer) => void): Behaviour => ({
    answer(packet, peer) {
      if (!packet.startsWith('bgapi')) return false
      peer.reply(`+OK Job-UUID: ${JOB}\nJob-UUID: ${JOB}`)
      then?.(peer)
      return true
    },
  })

  test('is accepted by the reply and ended by its event', async () => {
    const { link, peer, spoof } = await readyLink(accepting())
    const job = link.bgapi(STATUS, { jobUuid: JOB, timeoutMs: 5_000 })
    expect(await spoof.packet('bgapi')).toBe(`bgapi status\nJob-UUID: ${JOB}`)
    expect(await job.accepted).toEqual({ kind: 'ok', text: `+OK Job-UUID: ${JOB}` })
    expect(link.outstanding).toBe(1)
    peer.jobResult('another-job', '+OK\n')
    peer.jobResult(JOB, '-ERR NO_ANSWER\n')
    expect(await job.result).toEqual({ kind: 'error', text: '-ERR NO_ANSWER' })
    expect(link.outstanding).toBe(0)
  })

  test('may end before it is accepted', async () => {
    const { link } = await readyLink({
      answer(_, peer) {
        peer.jobResult(JOB, '+OK first\n')
        peer.reply(`+OK Job-UUID: ${JOB}`)
        return true
      },
    })
    const job = link.bgapi(STATUS, { jobUuid: JOB, timeoutMs: 5_000 })
    expect(await job.result).toEqual({ kind: 'ok', text: '+OK first' })
    expect(await job.accepted).toMatchObject({ kind: 'ok' })
  })

  test('is seen by onEvent too, before its promise continues and before later events', async () => {
    const order: string[] = []
    const both = Promise.withResolvers<void>()
    const { link } = await readyLink(
      accepting(peer => {
        peer.jobResult(JOB, '+OK\n')
        peer.event({ 'Event-Name': 'CHANNEL_HANGUP' })
      }),
      {
        onEvent(event) {
          order.push(event.name)
          if (order.length === 2) both.resolve()
        },
      },
    )
    await link.bgapi(STATUS, { jobUuid: JOB, timeoutMs: 5_000 }).result
    await both.promise
    expect(order).toEqual(['BACKGROUND_JOB', 'CHANNEL_HANGUP'])
  })

  test('that is refused ends with the refusal', async () => {
    const { link } = await readyLink({ answer: (_, peer) => done(peer.reply('-ERR permission denied')) })
    const job = link.bgapi(STATUS, { jobUuid: JOB, timeoutMs: 60_000 })
    const refusal = { kind: 'error', text: '-ERR permission denied' } as const
    expect([await job.accepted, await job.result]).toEqual([refusal, refusal])
    expect(link.outstanding).toBe(0)
  })

  test('whose result does not come in time is a timeout, and the connection stays', async () => {
    const { link, lost, peer, events } = await readyLink(accepting())
    const job = link.bgapi(STATUS, { jobUuid: JOB, timeoutMs: 10 })
    expect(await job.result).toEqual({ kind: 'timeout' })
    peer.jobResult(JOB, '+OK late\n')
    expect(await events.next()).toBe('BACKGROUND_JOB')
    expect([link.isReady, lost.all]).toEqual([true, []])
  })

  test('that nobody accepts in time is a timeout at both ends', async () => {
    const { link, lost } = await readyLink(SILENCE, { limits: { commandTimeoutMs: 30 } })
    const job = link.bgapi(STATUS, { jobUuid: JOB, timeoutMs: 60_000 })
    expect(await job.accepted).toEqual({ kind: 'timeout' })
    expect(await job.result).toEqual({ kind: 'timeout' })
    expect(await lost.next()).toEqual({ kind: 'command-timeout' })
  })

  test('is lost with the connection, and its id is free again', async () => {
    const { link, peer, ready, spoof } = await readyLink(accepting())
    const job = link.bgapi(STATUS, { jobUuid: JOB, timeoutMs: 60_000 })
    await job.accepted
    spoof.behave({})
    peer.drop()
    expect(await job.result).toEqual({ kind: 'lost' })
    expect(await link.bgapi(STATUS, { jobUuid: JOB, timeoutMs: 1 }).accepted).toEqual({ kind: 'lost' })
    await ready.next()
  })

  test('beyond the bound is busy; with an id in use, or one that the switch would cut, it throws', async () => {
    const { link } = await readyLink(SILENCE, { limits: { jobsMax: 1, commandTimeoutMs: 5_000 } })
    void link.bgapi(STATUS, { jobUuid: JOB, timeoutMs: 5_000 })
    const next = link.bgapi(STATUS, { jobUuid: 'b', timeoutMs: 5_000 })
    expect([await next.accepted, await next.result]).toEqual([{ kind: 'busy' }, { kind: 'busy' }])
    expect(() => link.bgapi(STATUS, { jobUuid: 'x'.repeat(37), timeoutMs: 1 })).toThrow('a job id is a uuid')
    const other = await readyLink(SILENCE, { limits: { commandTimeoutMs: 5_000 } })
    void other.link.bgapi(STATUS, { jobUuid: JOB, timeoutMs: 5_000 })
    expect(() => other.link.bgapi(STATUS, { jobUuid: JOB, timeoutMs: 1 })).toThrow('used once')
  })
})
