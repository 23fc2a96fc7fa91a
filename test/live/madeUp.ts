// A service that is well, made up: what one look at it shows, for tests of the verdict and of the page. Each says what is
// different; the last hour is made of counts, as processes write them.
import { MS_PER_MINUTE } from '../../src/base/units.ts'
import type { CallView } from '../../src/live/callView.ts'
import { type HourView, openHourView } from '../../src/live/hourView.ts'
import type { AgentView, LiveView, PodView, QueueView } from '../../src/live/liveView.ts'
import { minuteOf } from '../../src/live/minuteCounts.ts'

/** In the middle of a minute. */
export const NOW_MS = Date.UTC(2026, 10, 30, 14, 30, 30)

export const SWITCH = '10.0.0.5:8021'
export const LIST = 'talkiq-asp.calls'

/** Whatever happened, by minutes ago: `wake.confirmed`, `trip.20`, `push.apns.accepted`, `refusal.app reason`,
 *  `hangup.NO_ANSWER`, `dial.failed`. */
export type Counts = (minutesAgo: number) => Record<string, number>

export const hourOf = (counts: Counts): Promise<HourView> => {
  const newest = minuteOf(NOW_MS)
  return openHourView({ read: async minute => counts(newest - minute) }, () => NOW_MS)()
}

export const pod = (name: string, more: Partial<PodView> = {}): PodView => ({
  pod: name,
  role: 'all',
  version: '0.1.0',
  startedAtMs: NOW_MS - 90 * MS_PER_MINUTE,
  isSilent: false,
  silentSinceMs: null,
  obstacles: [],
  warnings: [],
  since: {},
  megabytes: 90,
  held: 0,
  heldMax: 10_000,
  waitWorkers: 2,
  isHearing: true,
  deafSinceMs: null,
  ...more,
})

export const agent = (name: string, more: Partial<AgentView> = {}): AgentView => ({
  agent: name,
  switchName: SWITCH,
  state: 'connected',
  sinceMs: NOW_MS - 80 * MS_PER_MINUTE,
  calls: 0,
  ...more,
})

export const queue = (more: Partial<QueueView> = {}): QueueView => ({
  list: LIST,
  waiting: 0,
  nextQueuedAtMs: null,
  nextHash: '',
  dead: 0,
  newestDead: [],
  eldestDeadAt: '',
  isNoList: false,
  ...more,
})

export const call = (dialId: string, more: Partial<CallView> = {}): CallView => ({
  dialId,
  kind: 'asp-call',
  orgId: 'acme',
  userId: 'agent-2',
  sinceMs: NOW_MS - 75_000,
  legs: [
    { side: '0', state: 'answered', sinceMs: NOW_MS - 72_000, number: '…101' },
    { side: '1', state: 'answered', sinceMs: NOW_MS - 69_000, number: '…102' },
  ],
  bargers: [],
  switchName: SWITCH,
  owner: 'web-1-11111111-aaaaaaaa',
  isOwnerAlive: true,
  ...more,
})

/** Two processes with an agent each, nothing to do, and 20 wakes in each minute of the hour that all went well. */
export async function wellView(more: Partial<LiveView> = {}, counts: Counts = usual): Promise<LiveView> {
  return {
    pods: [pod('web-1-11111111'), pod('web-2-22222222')],
    waits: { held: 0, heldMax: 20_000, eldest: [] },
    calls: [],
    callsTotal: 0,
    agents: [agent('web-1-11111111-aaaaaaaa'), agent('web-2-22222222-bbbbbbbb')],
    switches: [{ name: SWITCH, paceAheadSeconds: 0, registered: null }],
    queues: [queue()],
    lately: [],
    hour: await hourOf(counts),
    ...more,
  }
}

/** Class 24 of the round trips ends at 0.4 s. */
export const usual: Counts = () => ({
  'wake.confirmed': 20,
  'push.apns.accepted': 20,
  'trip.24': 20,
  'hangup.NORMAL_CLEARING': 10,
  'dial.answered': 5,
})
