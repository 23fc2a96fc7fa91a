// Follows a call: every message of its channel becomes a line (or JSON) as it comes, until nothing of the call lives
// any more. Nothing is said on the channel from here.

import type { Backend } from '../backend/backend.ts'
import { type CallEnd, isBegun, watchCallEnd } from '../backend/callEnd.ts'
import { stateOf } from '../backend/callView.ts'
import { type Clock, MS_PER_SECOND, toSeconds } from '../base/units.ts'
import { readMessage } from '../dial/control/messages.ts'
import { DONE, type Ending } from './ending.ts'
import { jsonOf, lineOf, sideName } from './lines.ts'
import { type Terminal, tinted } from './terminal.ts'

export interface WatchOptions {
  dialId: string
  /** Goes on after the call's end, until Ctrl-C: for a dial id that is used again. */
  isFollowing: boolean
  isJson: boolean
  /** We queued its job: each failure to make a call is ours. Otherwise it may be about a second job of the dial id. */
  isOurs: boolean
  /** Nothing is told before `tell`: the line of the job comes first. */
  isHeldBack?: true
}

export interface Watch {
  /** Tells what has been heard, in its order, and from now on what comes. */
  tell(): void
  /** Settles when the call is over, Ctrl-C was pressed, or Redis stayed away. */
  ended: Promise<Ending>
}

/** A Redis that stays away longer is given up; a failover takes less. */
const REDIS_AWAY_MAX_MS = 30 * MS_PER_SECOND

/** Resolves when the channel is heard: what is published from then on becomes a line. */
export async function startWatch(
  backend: Backend,
  options: WatchOptions,
  terminal: Terminal,
  clock: Clock,
): Promise<Watch> {
  const { dialId, isFollowing, isJson, isOurs } = options
  const { promise: ended, resolve: finish } = Promise.withResolvers<Ending>()
  const end = watchCallEnd(backend, { dialId, isOurs, onEnd: how => finish(endingOf(how, options)) })
  let hasBegun = false
  let givingUp: Timer | undefined
  let heldBack: string[] | undefined = options.isHeldBack && []

  await backend.listen(dialId, { onMessage: hear, onLost, onBack })
  const record = await backend.findCall(dialId)
  if (record) hasBegun = true
  if (!isOurs) terminal.err(record ? underWay(record) : `No call of this id lives now; waiting for one.`)
  if (terminal.interrupted.aborted) onInterrupt()
  terminal.interrupted.addEventListener('abort', onInterrupt, { once: true })
  void ended.then(() => {
    end.close()
    clearTimeout(givingUp)
    terminal.interrupted.removeEventListener('abort', onInterrupt)
  })
  return { ended, tell }

  function tell(): void {
    const heard = heldBack ?? []
    heldBack = undefined
    for (const text of heard) hear(text)
  }

  function hear(text: string): void {
    if (heldBack) return void heldBack.push(text)
    const at = new Date(clock())
    if (isJson) terminal.out(JSON.stringify({ at: at.toISOString(), channel: dialId, message: jsonOf(text) }))
    else terminal.out(`${tinted(terminal, 'dim', timeOfDay(at))}  ${lineOf(text, terminal)}`)
    const read = readMessage(text)
    if (!read.ok || isFollowing) return
    if (isBegun(read.value.type)) hasBegun = true
    end.hear(text)
  }

  function onLost(): void {
    if (givingUp) return
    terminal.err('The connection to Redis is lost; trying again. What is published now is not seen.')
    givingUp = setTimeout(
      () => finish({ kind: 'redis-away', note: `Redis is away for ${toSeconds(REDIS_AWAY_MAX_MS)} s.` }),
      REDIS_AWAY_MAX_MS,
    )
  }

  function onBack(): void {
    if (!givingUp) return
    clearTimeout(givingUp)
    givingUp = undefined
    terminal.err('Redis is back.')
    if (hasBegun && !isFollowing) end.look()
  }

  function onInterrupt(): void {
    const note = hasBegun && !isFollowing ? 'No longer watched; the call goes on.' : undefined
    finish({ kind: 'interrupted', ...(note ? { note } : {}) })
  }
}

/** A person has read in the failure's own line that the call was not made; a program gets it by the exit code. */
function endingOf(end: CallEnd, { dialId, isJson }: WatchOptions): Ending {
  if (end.kind === 'over') return { ...DONE, note: 'The call has ended.' }
  return { kind: 'failed', ...(isJson ? { note: `The call ${dialId} was not made: ${end.cause}` } : {}) }
}

function underWay(record: Parameters<typeof stateOf>[0]): string {
  const { legs, bargers } = stateOf(record)
  const listening = bargers.filter(barger => barger.state !== 'ended').length
  const parts = [
    ...legs.map(({ side, state }) => `${sideName(side)} ${state}`),
    ...(listening > 0 ? [`${listening} barging in`] : []),
  ]
  return `This call is under way: ${parts.join(', ') || 'not ringing yet'}.`
}

/** Local time to the millisecond: `14:03:07.120`. */
function timeOfDay(at: Date): string {
  const two = (value: number) => String(value).padStart(2, '0')
  const clock = [at.getHours(), at.getMinutes(), at.getSeconds()].map(two).join(':')
  return `${clock}.${String(at.getMilliseconds()).padStart(3, '0')}`
}
