// The vocabulary of the verdict: what is wrong, in words of which some lead to what they are about. No rule stands here.

/** `bad`: calls or wakes are lost, or would be now. `warn`: they will be if nobody looks. `note`: nothing is lost, and
 *  one fault more would. */
export type Level = 'bad' | 'warn' | 'note'

/** A part of a sentence. `about`: a panel (`calls`), a row of one (`pod:web-1`), or a timeline (`timeline=<id>`).
 *  `isName`: the name of a process or an agent, which may be shortened. */
export type Part = string | { text: string; about: string; isName?: boolean }

export interface Trouble {
  /** Names it as long as it lasts. */
  id: string
  level: Level
  words: Part[]
  /** When it began, where that is known; else whoever looks remembers when it was seen first. */
  sinceMs?: number
}

/** `3 calls`, `1 call`. */
export const count = (number: number, noun: string, plural = `${noun}s`): string =>
  `${number.toLocaleString('en')} ${number === 1 ? noun : plural}`

export const link = (text: string, about: string): Part => ({ text, about })

export const processName = (pod: string): Part => ({ text: pod, about: `pod:${pod}`, isName: true })

export const switchName = (name: string): Part => ({ text: name, about: `switch:${name}` })
