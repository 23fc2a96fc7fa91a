// Reads the messages that `wakeNews.lua` publishes to the inbox of a worker that holds waits.
import { proofOf } from './uniqueKeys.ts'
import type { EndReason, PushState } from './wakes.ts'

/** What an inbox hears of one of its waits. `reason` and `device` are empty where there is none. */
export interface WakeNews {
  /** The waiter's number. */
  id: number
  event: 'confirmed' | 'ended' | 'unavailable' | 'lead'
  reason: EndReason | 'confirmed' | ''
  device: string
  /** Of 'lead': what the one before has done; and what it sent to each device, in its own words (`pushSchedule.ts`). */
  pushed: PushState
  sent: string
  /** Of an answer: when the push was sent that the app says it answers. */
  saysPushAtMs?: number
  /** Whether it comes from one of our scripts, as far as the wake's secret can tell. */
  isProven: (secret: string) => boolean
}

/** What an inbox is told when a request joins: the number of the wait that leads, which may be gone. */
export interface JoinNews {
  event: 'joined'
  lead: number
  record: string
}

/** What the scripts publish: `<number> <event> <reason> <device>`, and a line with its proof. A device's id may have
 *  blanks. The reason of an answer may have `@<ms>` behind it. `0 joined <lead> <record>` is told to whoever holds the wait that leads. */
export function readWakeNews(text: string): WakeNews | JoinNews {
  const [line = '', proof] = text.split('\n')
  const [id, event, reason, ...rest] = line.split(' ')
  if (event === 'joined') return { event, lead: Number(reason), record: rest.join(' ') }
  const [why = '', saysPushAt] = (reason ?? '').split('@')
  return {
    id: Number(id),
    event: event as WakeNews['event'],
    reason: why as WakeNews['reason'],
    device: rest.join(' '),
    sent: event === 'lead' ? rest.join(' ') : '',
    ...(saysPushAt === undefined ? {} : { saysPushAtMs: Number(saysPushAt) }),
    pushed: /^\d+$/.test(reason ?? '') ? Number(reason) : 'unsure',
    isProven: secret => secret !== '' && proof === proofOf(secret, line),
  }
}
