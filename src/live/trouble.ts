// The vocabulary of the verdict: what is wrong, in words, some of which are links to the thing they are about. No rule
// stands here.

/** `bad`: calls or wakes are lost, or the next ones would be. `warn`: they will be lost if nobody acts. `note`: nothing is
 *  lost, but with one more fault something would be. */
export type Level = 'bad' | 'warn' | 'note'

/** A part of a sentence. `about`: a panel (`calls`), a row of one (`pod:web-1`), or a timeline (`timeline=<id>`).
 *  `isName`: the name of a process or an agent, which may be shortened. */
export type Part = string | { text: string; about: string; isName?: boolean }

export interface Trouble {
  /** Identifies this trouble as long as it lasts. */
  id: string
  level: Level
  words: Part[]
  /** When it began, where that is known; else `verdict.ts` remembers when it was seen first. */
  sinceMs?: number
}

/** `3 calls`, `1 call`. */
export const count = (number: number, noun: string, plural = `${noun}s`): string =>
  `${number.toLocaleString('en')} ${number === 1 ? noun : plural}`

export const link = (text: string, about: string): Part => ({ text, about })

export const processName = (pod: string): Part => ({ text: pod, about: `pod:${pod}`, isName: true })

export const switchName = (name: string): Part => ({ text: name, about: `switch:${name}` })
