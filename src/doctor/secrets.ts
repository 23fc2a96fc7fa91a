// Examines the secrets among the settings: those that stand in our own examples, which everybody knows, and those that
// can be guessed. Their names are told, never their values.
import { type Finding, problem, warning } from '../base/finding.ts'
import { adminTokensOf, type Config, isLoopback } from '../config/config.ts'
import { parseRedisUrl } from '../config/redisUrl.ts'
import { SETTINGS } from '../config/settings.ts'

interface NamedSetting {
  /** The setting; where it holds several secrets, also which of them. */
  name: string
  secret: string
}

/** FreeSWITCH's default password, which every manual names. On loopback only programs of this machine reach the socket. */
const CLUECON = 'ClueCon'

/** The secrets that stand in deploy/ and in the documents; a test compares the list with the files. */
const EXAMPLES: ReadonlySet<string> = new Set([
  'at-least-sixteen-characters',
  'another-sixteen-characters',
  'at-least-thirty-two-characters-of-chance',
  'not-ClueCon',
  'SECRET-1',
  'SECRET-2',
])

export function examineSecrets(config: Config): Finding[] {
  const careless = config.appsFile === undefined ? warning : problem
  const secrets = secretsOf(config)
  const examples = secrets.filter(each => isExample(each, config)).map(each => each.name)
  const weak = secrets
    .filter(
      each => each.name !== SETTINGS.eslPassword.env && !isExample(each, config) && isGuessable(each.secret),
    )
    .map(each => each.name)
  return [
    ...(examples.length === 0
      ? []
      : [
          problem(
            'example secrets',
            `${examples.join(', ')}: as in the examples, and so known to everybody.`,
            'Make your own, for example by openssl rand -hex 32.',
          ),
        ]),
    ...(weak.length === 0
      ? []
      : [
          careless(
            'weak secrets',
            `${weak.join(', ')}: can be guessed, because it repeats itself, counts up, or is made of common words.`,
            'Let chance make it: openssl rand -hex 32.',
          ),
        ]),
  ]
}

function secretsOf(config: Config): NamedSetting[] {
  const { jwtSecrets, metricsToken, pbxToken, redisUrl, eslPassword, role } = config
  const target = parseRedisUrl(redisUrl)
  const { password } = target.ok ? target.value.server : {}
  const optional = (name: string, secret: string | undefined) =>
    secret === undefined ? [] : [{ name, secret }]
  return [
    ...adminTokensOf(config).map(({ name, secret }) => ({
      name: name === SETTINGS.adminToken.env ? name : `${SETTINGS.adminTokens.env} (${name})`,
      secret,
    })),
    ...optional(SETTINGS.metricsToken.env, metricsToken),
    ...optional(SETTINGS.redisUrl.env, password),
    ...(role === 'agent' ? [] : optional(SETTINGS.pbxToken.env, pbxToken)),
    ...(role === 'agent'
      ? []
      : jwtSecrets.map(({ kid, secret }) => ({ name: `${SETTINGS.jwtSecrets.env} (${kid})`, secret }))),
    ...(role === 'front' ? [] : [{ name: SETTINGS.eslPassword.env, secret: eslPassword }]),
  ]
}

const isExample = ({ secret }: NamedSetting, { eslSwitches }: Config): boolean =>
  EXAMPLES.has(secret) || (secret === CLUECON && eslSwitches.some(({ host }) => !isLoopback(host)))

/** Different characters of what chance makes: of 32 hexadecimal digits one in 28 million has fewer than eight, of 16 one in
 *  30,000 fewer than six. */
const CHARACTERS_MIN = { long: 8, short: 6 }
const LONG = 32

/** In texts such as `1234` or `aaaa` a larger share of the characters differs by at most one from the character before. */
const STEPS_PART_MAX = 0.6

const COMMON_WORDS = /passw|secret|change.?me|example|qwert|letmein|hookswitch|default|welcome/i

/** Whether a secret looks as if a person had made it up. A secret that does not may still be known to others. */
function isGuessable(secret: string): boolean {
  const charactersMin = secret.length < LONG ? CHARACTERS_MIN.short : CHARACTERS_MIN.long
  if (new Set(secret).size < charactersMin || COMMON_WORDS.test(secret)) return true
  const halfLength = Math.floor(secret.length / 2)
  const isPeriodic = (length: number) => secret.startsWith(secret.slice(length))
  if (Array.from({ length: halfLength }, (_, at) => at + 1).some(isPeriodic)) return true
  const steps = [...secret]
    .slice(1)
    .map((character, at) => Math.abs(character.charCodeAt(0) - secret.charCodeAt(at)))
  return steps.filter(step => step <= 1).length > steps.length * STEPS_PART_MAX
}
