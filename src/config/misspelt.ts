// Finds misspelt names of settings: the service ignores such a name in silence, and the setting keeps its default. Names
// of the environment that resemble a setting of ours are told with that setting; their values are not looked at.
import { SETTINGS } from './settings.ts'

export interface MisspeltSetting {
  given: string
  meant: string
}

/** For a person, in one sentence. */
export const misspeltSentence = ({ given, meant }: MisspeltSetting): string =>
  `${given} is no setting and has no effect; is ${meant} meant, which is not set?`

/** Names that other programs use for the same thing, and that resemble none of ours. */
const GUESSES: Record<string, string> = {
  ESL_HOST: 'ESL_URL',
  ESL_HOSTS: 'ESL_URL',
  REDIS_HOST: 'PUBSUB_REDIS_URL',
  REDIS_URI: 'PUBSUB_REDIS_URL',
}

const NAMES: readonly string[] = Object.values(SETTINGS).map(({ env }) => env)

/** Where the right name is set as well, the other one belongs to something else. */
export function misspeltSettings(env: Record<string, string | undefined>): MisspeltSetting[] {
  const isGiven = (name: string): boolean => (env[name] ?? '').trim() !== ''
  return Object.keys(env)
    .filter(name => isGiven(name) && !NAMES.includes(name))
    .sort()
    .flatMap(given => {
      const meant = meantBy(given.toUpperCase().replaceAll('-', '_'))
      return meant === undefined || isGiven(meant) ? [] : [{ given, meant }]
    })
}

/** Our prefix before a setting is as wrong as a missing one: REDIS_URL for PUBSUB_REDIS_URL. */
function meantBy(name: string): string | undefined {
  if (NAMES.includes(name)) return name
  const unprefixed = name.replace(/^HOOKSWITCH_/, '')
  if (NAMES.includes(unprefixed)) return unprefixed
  const guessed =
    GUESSES[name] ?? (name.includes('_') ? NAMES.find(each => each.endsWith(`_${name}`)) : undefined)
  return guessed ?? nearest(name)
}

/** Shorter names resemble too many that belong to others: PATH, HOST, SSH_PORT. */
const distanceMaxOf = (name: string): number => (name.length < 6 ? 0 : name.length < 10 ? 1 : 2)

function nearest(name: string): string | undefined {
  const distanceMax = distanceMaxOf(name)
  // Two names are at least as far apart as their lengths, and most of an environment is nobody's slip.
  const [closest] = NAMES.filter(each => Math.abs(each.length - name.length) <= distanceMax)
    .map(each => ({ each, distance: editDistance(name, each) }))
    .filter(({ distance }) => distance <= distanceMax)
    .sort((a, b) => a.distance - b.distance)
  return closest?.each
}

/** Letters to add, leave out, replace, or exchange with the next one (Damerau-Levenshtein, optimal string alignment). */
function editDistance(from: string, to: string): number {
  const rows: number[][] = [Array.from({ length: to.length + 1 }, (_, column) => column)]
  for (let row = 1; row <= from.length; row += 1) {
    const [above, twoAbove] = [rows[row - 1]!, rows[row - 2]]
    const line = [row]
    for (let column = 1; column <= to.length; column += 1) {
      const isSame = from[row - 1] === to[column - 1]
      const isExchanged = from[row - 1] === to[column - 2] && from[row - 2] === to[column - 1]
      line.push(
        Math.min(
          above[column]! + 1,
          line[column - 1]! + 1,
          above[column - 1]! + (isSame ? 0 : 1),
          twoAbove && isExchanged ? twoAbove[column - 2]! + 1 : Number.POSITIVE_INFINITY,
        ),
      )
    }
    rows.push(line)
  }
  return rows[from.length]![to.length]!
}
