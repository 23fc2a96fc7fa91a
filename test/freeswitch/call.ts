// One call as its backend sees it: the job pushed, the channel heard, the lists in Redis. A test orders it about and
// in the end compares its whole story. How phones and switch take part is the test's business.
import { expect } from 'bun:test'
import { channelUuidOf } from '../../src/dial/call/identity.ts'
import { eventually } from '../harness/internal.ts'
import type { Line, Message } from './line.ts'
import { answered, endedAs, isEnd, isEvent } from './story.ts'
import type { Testbed } from './testbed.ts'

export type Job = Record<string, unknown> & { type: string; dial_id: string; org_id: string; user_id: string }

export interface TestCall {
  job: Job
  dialId: string
  line: Line
  /** The legs' channels. */
  a: string
  b: string
  /** The list of answered sides, newest first. */
  active(): Promise<string[]>
  /** Resolves when that side has answered. */
  answers(side: string): Promise<void>
  /** Resolves when both sides have answered and the switch has bridged them. */
  talks(): Promise<void>
  /** Waits for the call's end and compares all that was said, in order, with this; then history and lists. Ends that
   *  stand side by side are expected in the order in which the switch told them. */
  endsWith(story: Message[]): Promise<void>
}

const LISTS: Record<string, string> = {
  'asp-call': 'talkiq-asp.calls',
  'bot-call': 'talkiq-bot.calls',
  'load-test': 'talkiq-load.calls',
}

/** The contract's figures, in seconds. */
const ACTIVE_TTL = 24 * 60 * 60
const HISTORY_TTL = 4 * 60 * 60
/** Nothing in the suite takes longer. */
const TTL_SLACK = 30

let count = 0

/** A job of this type with ids of its own. */
export function newJob(type: string, fields: Record<string, unknown>): Job {
  count += 1
  const id = `${count}-${crypto.randomUUID().slice(0, 8)}`
  return { type, dial_id: `dial-${id}`, org_id: `org-${id}`, user_id: `user-${id}`, ...fields }
}

/** An asp-call between two numbers. */
export const aspJob = (caller: string, callee: string, fields: Record<string, unknown> = {}): Job =>
  newJob('asp-call', {
    call_provider: 'some-provider',
    caller_number: caller,
    callee_number: callee,
    caller_id_lega: '15550001111',
    caller_id_legb: '15550002222',
    ...fields,
  })

export const botJob = (phoneNumber: string, fields: Record<string, unknown> = {}): Job =>
  newJob('bot-call', { phone_number: phoneNumber, caller_id: '15550003333', ...fields })

/** Listens first, then pushes the job on its list. */
export async function dial(bed: Testbed, job: Job): Promise<TestCall> {
  const call = await listen(bed, job)
  await bed.redis.client.rpush(LISTS[job.type]!, JSON.stringify(job))
  return call
}

/** Listens for a job that comes another way. */
export async function listen(bed: Testbed, job: Job): Promise<TestCall> {
  const { redis } = bed
  const { dial_id: dialId, org_id: orgId, user_id: userId } = job
  const line = await bed.lines.open(dialId)
  const activeKey = `redswitch.${dialId}.${orgId}.${userId}`
  const historyKey = `redswitch_history.${orgId}.${userId}`
  const a = channelUuidOf(dialId, job.type === 'load-test' ? String(job.leg) : '0')
  const b = channelUuidOf(dialId, '1')
  bed.usedChannels.add(a).add(b)

  async function answers(side: string): Promise<void> {
    await line.heard(answered(side))
    expect(await redis.client.lrange(activeKey, 0, -1)).toContain(`ACTIVE.${side}`)
    const ttl = await redis.client.ttl(activeKey)
    expect(ttl).toBeGreaterThan(ACTIVE_TTL - TTL_SLACK)
    expect(ttl).toBeLessThanOrEqual(ACTIVE_TTL)
  }

  return {
    job,
    dialId,
    line,
    a,
    b,
    answers,
    active: () => redis.client.lrange(activeKey, 0, -1),

    async talks() {
      await answers('1')
      // The bridge comes some milliseconds after B's answer, and an asp-call's channel does not tell of it.
      await eventually(`the bridge of ${dialId}`, async () =>
        (await bed.probe.ask(`uuid_getvar ${a} bridge_uuid`)).includes(b),
      )
    },

    async endsWith(told) {
      const channelOf = ({ side, barge_id }: Message) =>
        side === undefined ? String(barge_id) : side === '1' && job.type === 'asp-call' ? b : a
      const placeOf = (end: Message) => bed.probe.hangups.lastIndexOf(channelOf(end))
      await eventually('the hangups at the switch', () => told.filter(isEnd).every(end => placeOf(end) >= 0))
      const story = endedAs(told, placeOf)
      const isSaid = () => line.messages.length >= story.length
      const isForgotten = async () => (await redis.client.exists(`hookswitch:call:{${dialId}}`)) === 0
      await eventually(`the end of ${dialId}`, async () => isSaid() && (await isForgotten())).catch(() => {
        // Shown as a difference, which says more than that it took too long.
        expect(line.messages).toEqual(story)
      })
      expect(line.messages).toEqual(story)
      const events = line.texts.filter((_, place) => isEvent(line.messages[place]!))
      expect(await redis.client.lrange(historyKey, 0, -1)).toEqual(events.toReversed())
      const ttl = await redis.client.ttl(historyKey)
      expect(ttl).toBeGreaterThan(HISTORY_TTL - TTL_SLACK)
      expect(ttl).toBeLessThanOrEqual(HISTORY_TTL)
      expect(await redis.client.exists(activeKey)).toBe(0)
      await line.close()
    },
  }
}
