// The phones at the other end: what each does when it is rung. A test sets them by number; without that the last
// digits decide, as with the phones of the recordings. What the switch makes of it is legs.ts' business.

import type { Settings } from './settings.ts'

/** What a phone does. Times are real milliseconds from the moment it is rung; an `afterMs` on a refusal lets it ring
 *  first. `hangupAfterMs` counts from the answer. */
export type PhoneBehaviour =
  | { kind: 'answer'; afterMs?: number; hangupAfterMs?: number }
  /** Sends sound before it answers (183). */
  | { kind: 'early-media'; afterMs?: number; answerAfterMs?: number }
  /** Rings until somebody gives up, or the test answers it by hand. */
  | { kind: 'no-answer' }
  | { kind: 'busy' | 'reject' | 'unallocated' | 'unavailable'; afterMs?: number }
  | { kind: 'refuse'; cause: string; sipStatus: number; phrase: string; afterMs?: number }

/** A refusal as the wire and the switch put it. */
export interface Refusal {
  cause: string
  sipStatus: number
  phrase: string
}

const REFUSALS: Record<'busy' | 'reject' | 'unallocated' | 'unavailable', Refusal> = {
  busy: { cause: 'USER_BUSY', sipStatus: 486, phrase: 'Busy Here' },
  reject: { cause: 'CALL_REJECTED', sipStatus: 603, phrase: 'Decline' },
  unallocated: { cause: 'UNALLOCATED_NUMBER', sipStatus: 404, phrase: 'Not Found' },
  unavailable: { cause: 'NORMAL_TEMPORARY_FAILURE', sipStatus: 503, phrase: 'Service Unavailable' },
}

export const refusalOf = (
  behaviour: Extract<PhoneBehaviour, { kind: keyof typeof REFUSALS | 'refuse' }>,
): Refusal => (behaviour.kind === 'refuse' ? behaviour : REFUSALS[behaviour.kind])

/** Causes that a phone can end a ringing call with, for a refusal by hand. Others become 480. */
export function refusalWith(cause: string): Refusal {
  const known = Object.values(REFUSALS).find(refusal => refusal.cause === cause)
  return known ?? { cause, sipStatus: 480, phrase: 'Temporarily Unavailable' }
}

export class PhoneBook {
  #exact = new Map<string, PhoneBehaviour>()
  /** `*777`: numbers that end so. `*` is every number. The last one set is asked first. */
  #suffixes: { suffix: string; behaviour: PhoneBehaviour }[] = []
  #recorded: { suffix: string; behaviour: PhoneBehaviour }[]
  #otherwise: PhoneBehaviour

  constructor({ msPerSecond, answerAfterMs }: Pick<Settings, 'msPerSecond' | 'answerAfterMs'>) {
    this.#otherwise = { kind: 'answer', afterMs: answerAfterMs }
    this.#recorded = [
      { suffix: '486', behaviour: { kind: 'busy' } },
      { suffix: '603', behaviour: { kind: 'reject' } },
      { suffix: '404', behaviour: { kind: 'unallocated' } },
      { suffix: '503', behaviour: { kind: 'unavailable' } },
      { suffix: '480', behaviour: { kind: 'no-answer' } },
      { suffix: '183', behaviour: { kind: 'early-media', afterMs: 0, answerAfterMs: 1.5 * msPerSecond } },
      {
        suffix: '777',
        behaviour: { kind: 'answer', afterMs: answerAfterMs, hangupAfterMs: 5 * msPerSecond },
      },
    ]
  }

  /** @param destination a whole number, or `*` and the last digits of one. */
  set(destination: string, behaviour: PhoneBehaviour): void {
    if (destination.startsWith('*')) this.#suffixes.unshift({ suffix: destination.slice(1), behaviour })
    else this.#exact.set(destination, behaviour)
  }

  behaviourOf(destination: string): PhoneBehaviour {
    // Of a SIP URI its user counts as a number does.
    const user = /^sips?:([^@]+)@/.exec(destination)?.[1] ?? destination
    const ends = ({ suffix }: { suffix: string }): boolean =>
      destination.endsWith(suffix) || user.endsWith(suffix)
    return (
      this.#exact.get(destination) ??
      this.#suffixes.find(ends)?.behaviour ??
      this.#recorded.find(ends)?.behaviour ??
      this.#otherwise
    )
  }
}
