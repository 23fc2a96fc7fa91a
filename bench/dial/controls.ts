// The control messages' way: published on a call's channel, until the command is on the switch's socket.
import { channelUuidOf } from '../../src/dial/call/identity.ts'
import { dialIdOf, makeJob } from './jobs.ts'
import { atRate, createStopwatch, type Times } from './stopwatch.ts'
import { JOB_LIST, type Target } from './targets.ts'

/** Calls that are up, by their channel on the switch; their channel in Redis is the dial id. */
export interface SteeredCalls {
  dialIds: string[]
  /** The channels of the A-legs and of the bargers. */
  dialIdByUuid: Map<string, string>
}

interface Round {
  perSecond: number
  leadInSeconds: number
  seconds: number
}

/** An agent hears of a channel's answer sooner. */
const SETTLE_MS = 300

/** Makes so many calls, each with a barger if wanted. */
export async function makeCalls(
  target: Target,
  { count, hasBarger }: { count: number; hasBarger: boolean },
): Promise<SteeredCalls> {
  const { redis, sink } = target
  const jobs = Array.from({ length: count }, makeJob)
  const dialIds = jobs.map(job => job.dialId)
  const dialIdByUuid = new Map(dialIds.map(dialId => [channelUuidOf(dialId, '0'), dialId]))
  sink.ringMs = () => 0
  sink.onCommand = command => {
    const barger = /origination_uuid=([^,}]+).*&eavesdrop\(/.exec(command)?.[1]
    if (barger) dialIdByUuid.set(barger, dialIdOf(command))
  }
  await redis.rpush(JOB_LIST, ...jobs.map(job => job.text))
  await allAnswered(target, count)
  if (!hasBarger) return { dialIds, dialIdByUuid }
  const barge = JSON.stringify({ type: 'barge', phone_number: '15550000003', caller_id: '15550000009' })
  for (const dialId of dialIds) void redis.publish(dialId, barge)
  await allAnswered(target, 2 * count)
  return { dialIds, dialIdByUuid }
}

async function allAnswered({ sink }: Target, count: number): Promise<void> {
  while ([...sink.channels.values()].filter(channel => channel.isAnswered).length < count) await Bun.sleep(20)
  await Bun.sleep(SETTLE_MS)
}

/** Lets the barger be heard and not heard in turns, in one call after the other. */
export function timeModes(target: Target, calls: SteeredCalls, round: Round): Promise<Times> {
  const { dialIds } = calls
  const messageOf = (index: number) => ({
    channel: dialIds[index % dialIds.length]!,
    type: Math.floor(index / dialIds.length) % 2 === 0 ? 'whisper' : 'mute',
  })
  return timeMessages(target, calls, round, messageOf)
}

/** Hangs up one call after the other. There must be as many calls as the round has orders. */
export function timeHangups(target: Target, calls: SteeredCalls, round: Round): Promise<Times> {
  return timeMessages(target, calls, round, index => ({ channel: calls.dialIds[index]!, type: 'hangup' }))
}

async function timeMessages(
  { redis, sink }: Target,
  calls: SteeredCalls,
  round: Round,
  messageOf: (index: number) => { channel: string; type: string },
): Promise<Times> {
  let isCounted = false
  let sent = 0
  const stopwatch = createStopwatch(() => isCounted)
  sink.onCommand = (command, atMs) => {
    const uuid = /^(?:sendevent.*\n.*\nunique-id: |api uuid_kill )(\S+)/.exec(command)?.[1]
    const dialId = uuid === undefined ? floorChannel(command) : calls.dialIdByUuid.get(uuid)
    if (dialId !== undefined) stopwatch.stop(dialId, atMs)
  }
  const order = () => {
    const { channel, type } = messageOf(sent++)
    stopwatch.start(channel)
    void redis.publish(channel, JSON.stringify({ type }))
  }
  await atRate({ perSecond: round.perSecond, seconds: round.leadInSeconds }, order)
  isCounted = true
  await atRate(round, order)
  return stopwatch.read()
}

/** The floor writes the name of the channel on which the message came. */
const floorChannel = (command: string): string | undefined => /^floor (\S+)/.exec(command)?.[1]
