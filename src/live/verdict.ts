// The one sentence that counts, above everything else on the page: what is wrong, the worst first, each with since when;
// or that all is well. It is made of one look and of the last hour's counts. A trouble that does not say when it began
// counts from the first look that saw it.
import type { Clock } from '../base/units.ts'
import type { LiveView } from './liveView.ts'
import { createSinceWhen } from './sinceWhen.ts'
import { troublesNow } from './standing.ts'
import { troublesOfHour, wakeShareOf } from './trends.ts'
import { count, type Level, link, type Part, type Trouble } from './trouble.ts'

export interface Verdict {
  level: Level | 'good'
  troubles: (Trouble & {
    sinceMs: number
    /** It may have begun earlier: it was there when somebody first looked. */
    isSeen: boolean
  })[]
  /** What is well; told when nothing is bad or worth a warning. */
  well: Part[]
}

export interface Judge {
  judge(view: LiveView): Verdict
  /** Nothing can be seen. */
  judgeBlind(why: 'redis' | 'bug'): Verdict
}

const RANKS: Record<Level, number> = { bad: 0, warn: 1, note: 2 }

export function createJudge(clock: Clock): Judge {
  const [troublesSince, headsSince] = [createSinceWhen(clock), createSinceWhen(clock)]
  let looks = 0
  let firstAtMs = 0

  function told(troubles: Trouble[], well: Part[]): Verdict {
    if (looks === 0) firstAtMs = clock()
    looks += 1
    const since = troublesSince.look(troubles.map(each => each.id))
    const inOrder = troubles
      .toSorted((a, b) => RANKS[a.level] - RANKS[b.level])
      .map(each => {
        const seenMs = since.get(each.id)!
        return {
          ...each,
          sinceMs: each.sinceMs ?? seenMs,
          isSeen: each.sinceMs === undefined && seenMs <= firstAtMs,
        }
      })
    const level = inOrder[0]?.level ?? 'good'
    const begin = level === 'good' ? 'All well: ' : 'It works: '
    return { level, troubles: inOrder, well: well.length > 0 ? [begin, ...well] : [] }
  }

  return {
    judge(view) {
      const nowMs = clock()
      const headOf = ({ list, nextHash }: { list: string; nextHash: string }) => `${list} ${nextHash}`
      const heads = headsSince.look(view.queues.filter(each => each.waiting > 0).map(headOf))
      const troubles = troublesNow(
        view,
        queue => Math.max(0, nowMs - (queue.nextQueuedAtMs ?? heads.get(headOf(queue)) ?? nowMs)),
        nowMs,
      )
      return told([...troubles, ...troublesOfHour(view.hour)], wellOf(view))
    },

    judgeBlind: why =>
      told(
        [
          {
            id: `blind ${why}`,
            level: 'bad',
            words: [
              why === 'redis'
                ? 'Redis does not answer: nothing new can be seen.'
                : "This process can't look, and its log says why: nothing new can be seen.",
            ],
          },
        ],
        [],
      ),
  }
}

function wellOf({ pods, agents, hour }: LiveView): Part[] {
  const connected = agents.filter(agent => agent.state === 'connected').length
  const { confirmed, tries } = wakeShareOf(hour.totals)
  const wakes = `${confirmed.toLocaleString('en')} of ${count(tries, 'wake')}`
  return [
    link(count(pods.length, 'process', 'processes'), 'pods'),
    ', ',
    link(count(connected, 'connected agent'), 'agents'),
    ...(tries > 0 ? [', ', link(wakes, 'outcomes'), ' confirmed in the last hour.'] : ['.']),
  ]
}
