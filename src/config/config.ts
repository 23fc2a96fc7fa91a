// Reads every setting from the environment once, at start, by the table in `settings.ts`. This is the only file that looks
// at `process.env`. All mistakes are reported together, by name, and never with their values, because half of the
// settings are secrets.
import { fail, ok, type Result } from '../base/result.ts'
import type { NamedToken, Setting } from './kinds.ts'
import { SETTINGS } from './settings.ts'

export type Config = Readonly<{ [Name in keyof typeof SETTINGS]: (typeof SETTINGS)[Name]['fallback'] }>

/** Reads all settings. @returns every mistake at once, each a sentence that begins with the setting's name. */
export function readConfig(env: Record<string, string | undefined>): Result<Config, string[]> {
  const { config, mistakes } = readConfigAnyway(env)
  return mistakes.length === 0 ? ok(config) : fail(mistakes)
}

/** The same for the doctor, which examines settings: a setting that is wrong has its default. */
export function readConfigAnyway(env: Record<string, string | undefined>): {
  config: Config
  mistakes: string[]
} {
  const mistakes: string[] = []
  const values: Record<string, unknown> = {}
  for (const [name, setting] of Object.entries(SETTINGS) as [string, Setting<unknown>][]) {
    const given = env[setting.env]?.trim()
    const isSet = given !== undefined && (given !== '' || setting.takesEmpty)
    try {
      values[name] = isSet ? setting.parse(given) : setting.fallback
    } catch (thrown) {
      mistakes.push(`${setting.env} ${(thrown as Error).message}`)
      values[name] = setting.fallback
    }
  }
  // A PBX with a token is known by the token: the default addresses admit nobody beside it.
  if (values.pbxToken !== undefined && env[SETTINGS.pbxAllow.env] === undefined) values.pbxAllow = NOBODY
  const config = Object.freeze(values) as Config
  mistakes.push(...contradictions(config))
  return { config, mistakes }
}

/** All tokens that open the internal listener; ADMIN_TOKEN's name is that of its setting. */
export const adminTokensOf = ({
  adminToken,
  adminTokens,
}: Pick<Config, 'adminToken' | 'adminTokens'>): readonly NamedToken[] =>
  adminToken === undefined
    ? adminTokens
    : [{ name: SETTINGS.adminToken.env, secret: adminToken }, ...adminTokens]

const NOBODY = SETTINGS.pbxAllow.parse('')

/** Mistakes of settings that are right each by itself and wrong together. */
function contradictions(config: Config): string[] {
  const mistakes: string[] = []
  const needs = (isGiven: boolean, sentence: string) => {
    if (!isGiven) mistakes.push(sentence)
  }
  if (!isLoopback(config.internalHost))
    needs(
      config.adminToken !== undefined || config.adminTokens.length > 0,
      'ADMIN_TOKEN is required when INTERNAL_HOST is not loopback',
    )
  const { metricsToken } = config
  if (metricsToken !== undefined && adminTokensOf(config).some(({ secret }) => secret === metricsToken))
    mistakes.push('METRICS_TOKEN is one of the admin tokens too, and would open everything')
  if (config.authMode === 'upstream')
    needs(config.authUrl !== undefined, 'AUTH_URL is required with AUTH_MODE=upstream')
  if (config.authMode === 'jwt') {
    needs(config.authJwksUrl !== undefined, 'AUTH_JWKS_URL is required with AUTH_MODE=jwt')
    needs(config.authIssuer !== undefined, 'AUTH_ISSUER is required with AUTH_MODE=jwt')
    needs(config.authAudience !== undefined, 'AUTH_AUDIENCE is required with AUTH_MODE=jwt')
  }
  return mistakes
}

export const isLoopback = (host: string): boolean =>
  host === 'localhost' || host === '::1' || host.startsWith('127.')
