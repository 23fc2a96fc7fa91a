// An agent's side of a wake: the agent dials an account whose phones sleep, and asks the fronts to wake them. Its request goes
// through Redis, and so does the answer, on which the agent acts when it comes. The agent also looks at each open request now
// and then, so that a lost message or a dead front only delays it. The agent sends no push and holds no key.

import type { Log } from '../base/log.ts'
import { messageOf } from '../base/result.ts'
import { MS_PER_SECOND } from '../base/units.ts'
import { RedisUnavailable } from '../redis/connect.ts'
import { wakeAnswersChannel } from '../redis/keys.ts'
import type { Subscriber } from '../redis/subscriber.ts'
import {
  readWakeRequestNews,
  type WakeRequestState,
  type WakeRequestStore,
} from '../redis/wakeRequests/wakeRequests.ts'
import type { WakeCall } from './wakeCall.ts'

/** How a wake that was asked for ended. `reason`: as a PBX is told it, `timeout` and `no-device` say. */
export type WakeEnd = { kind: 'confirmed' } | { kind: 'failed'; reason: string }

export interface AskedWake {
  /** Nobody wants it any more: the phones are told to stop, and nothing is heard of it. */
  cancel(): void
  /** Somebody else goes on with it: it stays as it is, and nothing is heard of it here. */
  leave(): void
}

export interface WakeHooks {
  /** The wake's first push is on its way. Called at most once, and never after `onEnd`. */
  onPushed(): void
  /** Called once, later than `ask` returns. */
  onEnd(end: WakeEnd): void
}

export interface WakeAsker {
  /** Asks for a wake, or goes on with what was asked for under this id before. @param id names the request for ever. */
  ask(id: string, asked: { call: WakeCall; waitMs: number }, hooks: WakeHooks): AskedWake
  close(): void
}

export interface WakeAskerOptions {
  store: Pick<WakeRequestStore, 'ask' | 'askAgain' | 'cancel' | 'isFrontAlive'>
  listen: Subscriber['listen']
  agent: string
  log: Log
}

/** An agent looks this often at a request that has no answer. A dead front is found within two looks. */
const LOOK_MS = MS_PER_SECOND

/** After a look that failed because Redis was away, the next one comes so much later. */
const RETRY_MS = 0.25 * MS_PER_SECOND

/** The front tells of a wake's end when the wake's time is over. This much longer the agent waits for that message. */
const ANSWER_MARGIN_MS = MS_PER_SECOND

interface Open {
  id: string
  call: string
  waitMs: number
  hooks: WakeHooks
  isPushed: boolean
  /** At the last look no front had it. */
  isAdrift: boolean
  look: Timer | undefined
  limit: Timer | undefined
}

export function openWakeAsker(options: WakeAskerOptions): WakeAsker {
  const { store, agent, log } = options
  const channel = wakeAnswersChannel(agent)
  const open = new Map<string, Open>()
  const subscription = options.listen(channel, {
    onMessage(text) {
      const { id, state, reason } = readWakeRequestNews(text)
      const asked = open.get(id)
      if (asked) hear(asked, state, reason)
    },
    onBack: () => open.forEach(lookNow),
  })

  function hear(asked: Open, state: WakeRequestState, reason: string): void {
    switch (state) {
      case 'pushed':
        return notePushed(asked)
      case 'confirmed':
        return end(asked, { kind: 'confirmed' })
      case 'failed':
      case 'cancelled':
        return end(asked, { kind: 'failed', reason: reason || 'caller-gone' })
      case 'asked':
        return
    }
  }

  function notePushed(asked: Open): void {
    if (asked.isPushed) return
    asked.isPushed = true
    asked.hooks.onPushed()
  }

  function end(asked: Open, how: WakeEnd): void {
    if (forget(asked)) asked.hooks.onEnd(how)
  }

  /** @returns false when it was forgotten before. */
  function forget(asked: Open): boolean {
    clearTimeout(asked.look)
    clearTimeout(asked.limit)
    return open.get(asked.id) === asked && open.delete(asked.id)
  }

  const isOpen = (asked: Open): boolean => open.get(asked.id) === asked

  function limitTo(asked: Open, leftMs: number): void {
    clearTimeout(asked.limit)
    asked.limit = setTimeout(() => {
      cancel(asked)
      asked.hooks.onEnd({ kind: 'failed', reason: 'timeout' })
    }, leftMs + ANSWER_MARGIN_MS)
  }

  function lookNow(asked: Open): void {
    clearTimeout(asked.look)
    void look(asked)
  }

  async function look(asked: Open, isFirst = false): Promise<void> {
    let againMs = LOOK_MS
    try {
      const standing = await store.ask(asked.id, { call: asked.call, channel, waitMs: asked.waitMs })
      if (!isOpen(asked)) return
      if (isFirst) limitTo(asked, standing.leftMs)
      hear(asked, standing.state, standing.reason)
      if (isOpen(asked) && !isFirst) await seek(asked, standing.front)
    } catch (thrown) {
      if (thrown instanceof RedisUnavailable)
        log.debug({ wake: asked.id, reason: messageOf(thrown) }, 'redis is away: a wake is asked for again')
      else log.error({ wake: asked.id, err: thrown }, 'asking for a wake failed')
      againMs = RETRY_MS
    }
    if (isOpen(asked)) asked.look = setTimeout(look, againMs, asked)
  }

  /** Asks another front when the front of this request has died, and when two looks in a row found none: then the answer to a
   *  front's pop was lost. */
  async function seek(asked: Open, front: string | undefined): Promise<void> {
    if (front === undefined && !asked.isAdrift) {
      // A front may just have popped it.
      asked.isAdrift = true
      return
    }
    asked.isAdrift = false
    if (front !== undefined && (await store.isFrontAlive(front))) return
    if (isOpen(asked) && (await store.askAgain(asked.id, front)))
      log.warn({ wake: asked.id, front }, 'the front that had a wake is gone: another one is asked')
  }

  function cancel(asked: Open): void {
    if (!forget(asked)) return
    store
      .cancel(asked.id)
      // The wake ends when its time is over.
      .catch(thrown =>
        log.debug({ wake: asked.id, reason: messageOf(thrown) }, 'redis is away: not cancelled'),
      )
  }

  return {
    ask(id, { call, waitMs }, hooks) {
      const asked: Open = {
        id,
        call: JSON.stringify(call),
        waitMs,
        hooks,
        isPushed: false,
        isAdrift: false,
        look: undefined,
        limit: undefined,
      }
      open.set(id, asked)
      limitTo(asked, waitMs)
      // A message that was published before our subscription stood is made up for by a look.
      void subscription.confirmed.then(() => {
        if (isOpen(asked)) void look(asked, true)
      })
      return { cancel: () => cancel(asked), leave: () => void forget(asked) }
    },

    close() {
      for (const asked of open.values()) forget(asked)
      // The failure is dropped: it means that the connection broke, and Redis takes a broken connection off its channels.
      subscription.leave().catch(() => undefined)
    },
  }
}
