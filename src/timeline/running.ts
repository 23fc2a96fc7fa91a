// How a call that lasts stands, in one sentence, from its timeline: who has answered, for how long, who barges in. The
// live page says the same of it in the same words.
import { MS_PER_SECOND } from '../base/units.ts'
import type { KeptEntry } from './entry.ts'
import type { Scene } from './scene.ts'

/** @param entries of one call, in order, none of whose legs has ended. @param nowMs undefined: nobody asks how long.
 *  @returns undefined while no phone is being called. */
export function runningSentence(
  entries: readonly KeptEntry[],
  { isTwoLegged }: Pick<Scene, 'isTwoLegged'>,
  nowMs: number | undefined,
): string | undefined {
  const legs = entries.filter(each => each.what === 'leg')
  const legOf = (isMeant: (side: string) => boolean) => legs.findLast(each => isMeant(each.side))
  const b = isTwoLegged ? legOf(side => side === '1') : undefined
  const a = legOf(side => !isTwoLegged || side !== '1')
  if (!a) return undefined
  const subject = isTwoLegged ? 'The caller' : 'The phone'
  const [words, since] =
    a.state !== 'answered'
      ? [`${subject} is being rung`, a]
      : !isTwoLegged
        ? ['Answered', a]
        : b === undefined
          ? ['The caller answered, the callee is not rung yet', a]
          : b.state === 'answered'
            ? ['Both answered', b]
            : ['The caller waits, the callee is being rung', b]
  const lasts = nowMs === undefined ? [] : [duration(nowMs - since.atMs)]
  return `${[words, ...lasts, ...listeners(entries)].join(', ')}.`
}

function listeners(entries: readonly KeptEntry[]): string[] {
  const states = new Map(
    entries.flatMap(each => (each.what === 'barger' ? [[each.barger, each.state] as const] : [])),
  )
  const inside = [...states.values()].filter(state => state === 'answered').length
  return inside === 0 ? [] : [`${WORDS[inside] ?? inside} ${inside === 1 ? 'listens' : 'listen'}`]
}

const WORDS = ['no', 'one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine']

/** `1:09`, `1:02:09`. */
function duration(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / MS_PER_SECOND))
  const two = (number: number) => String(number).padStart(2, '0')
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60]
  return hours > 0 ? `${hours}:${two(minutes)}:${two(seconds % 60)}` : `${minutes}:${two(seconds % 60)}`
}
