// A link that is up: its events, its loss and return, and the watch over a silent switch.
import { afterEach, describe, expect, test } from 'bun:test'
import { freePort } from '../harness/redis.ts'
import { Arrivals, closeAll, JOB, linkTo, readyLink, SILENCE, STATUS } from './linkHarness.ts'
import { CORE_UUID, spoofSwitch } from './spoofedSwitch.ts'

afterEach(closeAll)

describe('events', () => {
  test('come synchronously and in order, however the stream is cut', async () => {
    const { events, peer } = await readyLink()
    const frame = (n: number) => {
      const text = `Event-Name: CHANNEL_ANSWER\nn: ${n}\n\n`
      return `Content-Length: ${text.length}\nContent-Type: text/event-plain\n\n${text}`
    }
    const stream = Array.from({ length: 200 }, (_, n) => frame(n)).join('')
    peer.raw(stream.slice(0, 1_003))
    peer.raw(stream.slice(1_003))
    while (events.all.length < 200) await events.next()
    expect(events.all).toEqual(Array.from({ length: 200 }, (_, n) => String(n)))
  })

  test('whose reader throws are told, and the next one comes', async () => {
    const seen = new Arrivals<string>()
    const { peer, logged, link } = await readyLink(
      {},
      {
        onEvent(event) {
          seen.push(event.header('n') ?? '')
          if (event.header('n') === '1') throw new Error('a bug in the reader')
        },
      },
    )
    peer.event({ n: '1' })
    peer.event({ n: '2' })
    expect([await seen.next(), await seen.next()]).toEqual(['1', '2'])
    expect(logged.all.find(line => line.level === 50)?.msg).toContain('a bug in the reader')
    expect(link.isReady).toBe(true)
  })

  test('of other kinds of frames are none', async () => {
    const { events, peer } = await readyLink()
    peer.raw('Content-Type: log/data\nContent-Length: 3\n\nabc')
    peer.event({ n: 'after the log line' })
    expect(await events.next()).toBe('after the log line')
    expect(events.all).toHaveLength(1)
  })
})

describe('a lost link', () => {
  test('comes back, subscribes again, and says both', async () => {
    const { ready, lost, peer, spoof, events, logged } = await readyLink()
    peer.drop()
    expect((await lost.next()).kind).toBe('socket-closed')
    expect(await ready.next()).toEqual({ coreUuid: CORE_UUID, attempt: 1 })
    expect(spoof.peers[1]!.received).toEqual(peer.received)
    spoof.peers[1]!.event({ n: 'again' })
    expect(await events.next()).toBe('again')
    expect(logged.all.map(line => line.msg)).toEqual([
      'switch link ready',
      'switch link lost',
      'switch link ready',
    ])
  })

  test('is not what a switch that was never there is called; it is told of once', async () => {
    const { lost, logged } = linkTo(await freePort())
    expect(await logged.next()).toMatchObject({ level: 40, msg: 'switch not reached; trying again' })
    expect(await logged.next()).toMatchObject({ level: 20, msg: 'switch not reached' })
    expect(lost.all).toEqual([])
  })

  test('on a disconnect notice ends at once, with what the notice says', async () => {
    const { lost, peer, ready } = await readyLink()
    peer.event({ 'Event-Name': 'SHUTDOWN' })
    peer.raw('Content-Type: text/disconnect-notice\nContent-Length: 31\n\nThe system is being shut down.\n')
    expect(await lost.next()).toEqual({ kind: 'disconnect-notice', detail: 'The system is being shut down.' })
    await ready.next()
  })

  test('on garbage in the stream is made anew', async () => {
    const { lost, peer, ready } = await readyLink()
    peer.raw('garbage\n\n')
    expect(await lost.next()).toEqual({ kind: 'protocol-error', detail: 'no-content-type' })
    await ready.next()
  })

  test('on a body beyond the bound is made anew', async () => {
    const { lost, peer } = await readyLink({}, { limits: { bodyBytesMax: 1_000 } })
    peer.raw('Content-Type: api/response\nContent-Length: 1001\n\n')
    expect(await lost.next()).toEqual({ kind: 'protocol-error', detail: 'body-too-long' })
  })

  test('is not told of events or replies any more', async () => {
    const { lost, peer, events } = await readyLink()
    const late = `Event-Name: LATE\n\n`
    peer.raw(`garbage\n\nContent-Length: ${late.length}\nContent-Type: text/event-plain\n\n${late}`)
    await lost.next()
    expect(events.all).toEqual([])
  })

  test('that is closed by its owner stays closed, and tells nobody', async () => {
    const { link, lost, ready, spoof } = await readyLink(SILENCE)
    const command = link.api(STATUS, 60_000)
    const job = link.bgapi(STATUS, { jobUuid: JOB, timeoutMs: 60_000 })
    link.close()
    expect([await command, await job.accepted, await job.result]).toEqual([
      { kind: 'lost' },
      { kind: 'lost' },
      { kind: 'lost' },
    ])
    expect(await link.api(STATUS)).toEqual({ kind: 'lost' })
    expect([link.state, lost.all, ready.all.length, spoof.peers.length]).toEqual(['closed', [], 1, 1])
  })

  test('may be closed from inside its own hooks', async () => {
    await using spoof = spoofSwitch()
    const closed = Promise.withResolvers<void>()
    const { link, ready } = linkTo(spoof.port, {
      onEvent() {
        link.close()
        closed.resolve()
      },
    })
    await ready.next()
    spoof.peers[0]!.event({ n: '1' })
    spoof.peers[0]!.event({ n: '2' })
    await closed.promise
    expect(link.state).toBe('closed')
  })
})

describe('a silent switch', () => {
  const limits = { heartbeatIntervalMs: 5, heartbeatsMissedMax: 3 }

  test('is probed, and kept when it answers', async () => {
    const { link, spoof, lost } = await readyLink({}, { limits })
    const probe = await spoof.packet('api global_getvar core_uuid')
    // The first one belongs to the handshake; wait for two probes after it.
    while (spoof.peers[0]!.received.filter(packet => packet === probe).length < 3) await Bun.sleep(1)
    expect([link.isReady, lost.all]).toEqual([true, []])
  })

  test('is dropped when it does not answer the probe', async () => {
    const { lost, spoof, ready } = await readyLink(SILENCE, {
      limits: { ...limits, commandTimeoutMs: 30 },
    })
    expect(await lost.next()).toEqual({ kind: 'silent' })
    spoof.behave({})
    await ready.next()
  })

  test('is not probed while its heartbeat comes', async () => {
    const { peer, events, link } = await readyLink(SILENCE, {
      limits: { ...limits, heartbeatIntervalMs: 50 },
    })
    const handshake = peer.received.length
    for (let n = 0; n < 40; n += 1) {
      peer.event({ 'Event-Name': 'HEARTBEAT' })
      await events.next()
      await Bun.sleep(5)
    }
    expect([peer.received.length, link.isReady]).toEqual([handshake, true])
  })
})
