// The kinds of settings: how the text of each is read, and what is said of one that can't be used. Which settings
// there are stands in `settings.ts`; the environment is not looked at here.

import { MS_PER_SECOND } from '../base/units.ts'
import { type NetworkList, parseNetworks } from './networks.ts'
import { parseRedisUrl } from './redisUrl.ts'

/** How one setting is read. `parse` gets the trimmed text and throws a sentence when it can't be used. */
export interface Setting<Value> {
  env: string
  about: string
  /** As the documentation shows it. */
  fallbackText: string
  /** The values that the setting takes, in words for the documentation; empty where `about` says them. */
  allowed: string
  fallback: Value
  parse: (text: string) => Value
  /** An empty text is a value of its own; for all other settings an empty text means the default. */
  takesEmpty?: true
}

/** A signing key of the confirmation tokens. */
export interface NamedSecret {
  kid: string
  secret: string
}

function setting<Value>(
  env: string,
  fallbackText: string,
  fallback: Value,
  about: string,
  parse: (text: string) => Value,
  allowed = '',
): Setting<Value> {
  return { env, about, fallbackText, fallback, allowed, parse }
}

export function text(env: string, fallback: string, about: string): Setting<string> {
  return setting(env, fallback, fallback, about, given => given)
}

export function optionalText(env: string, about: string): Setting<string | undefined> {
  return setting<string | undefined>(env, '', undefined, about, given => given)
}

export function optionalSecret(env: string, lengthMin: number, about: string): Setting<string | undefined> {
  const parse = (given: string): string => {
    if (given.length < lengthMin) throw new Error(`must have at least ${lengthMin} characters`)
    return given
  }
  return setting<string | undefined>(env, '', undefined, about, parse, `${lengthMin} characters or more`)
}

export function optionalUrl(env: string, about: string): Setting<string | undefined> {
  return setting<string | undefined>(env, '', undefined, about, parseUrl)
}

/** `https://key@host/project`, the project being a number. */
export function optionalDsn(env: string, about: string): Setting<string | undefined> {
  return setting<string | undefined>(env, '', undefined, about, given => {
    const dsn = URL.canParse(given) ? new URL(given) : undefined
    const isHttp = dsn?.protocol === 'https:' || dsn?.protocol === 'http:'
    if (!dsn || !isHttp || dsn.username === '' || !/\/\d+$/.test(dsn.pathname))
      throw new Error('must be https://key@host/project')
    return given
  })
}

export function headerMap(env: string, about: string): Setting<Readonly<Record<string, string>>> {
  return setting<Readonly<Record<string, string>>>(env, '', {}, about, given => {
    const pairs = given.split(',').map(each => {
      const equals = each.indexOf('=')
      return [each.slice(0, equals).trim(), each.slice(equals + 1).trim()] as const
    })
    if (
      pairs.some(([header, value]) => !/^[A-Za-z0-9-]{1,64}$/.test(header) || !/^[\x21-\x7e]+$/.test(value))
    )
      throw new Error('must be `name=value`, with commas between')
    return Object.fromEntries(pairs.map(([header, value]) => [header, decodeURIComponent(value)]))
  })
}

export function ratio(env: string, fallback: number, about: string): Setting<number> {
  const parse = (given: string): number => {
    const value = /^\d(\.\d+)?$/.test(given) ? Number(given) : Number.NaN
    if (!(value >= 0 && value <= 1)) throw new Error('must be a number from 0 to 1')
    return value
  }
  return setting(env, String(fallback), fallback, about, parse, '0 to 1')
}

export function redisAddress(env: string, fallback: string, about: string): Setting<string> {
  return setting(env, fallback, fallback, about, given => {
    const target = parseRedisUrl(given)
    if (!target.ok) throw new Error(target.failure)
    return given
  })
}

function parseUrl(given: string): string {
  const parsed = URL.canParse(given) ? new URL(given) : undefined
  if (parsed?.protocol !== 'http:' && parsed?.protocol !== 'https:') throw new Error('must be an http(s) URL')
  return given.replace(/\/+$/, '')
}

export function integer(
  env: string,
  fallback: number,
  range: { min: number; max: number },
  about: string,
): Setting<number> {
  const parse = (given: string): number => {
    const value = /^\d+$/.test(given) ? Number(given) : Number.NaN
    if (!(value >= range.min && value <= range.max))
      throw new Error(`must be a whole number from ${range.min} to ${range.max}`)
    return value
  }
  return setting(env, String(fallback), fallback, about, parse, `${range.min} to ${range.max}`)
}

export function seconds(
  env: string,
  fallbackSeconds: number,
  range: { min: number; max: number },
  about: string,
): Setting<number> {
  const parse = (given: string): number => {
    const value = /^\d+(\.\d+)?$/.test(given) ? Number(given) : Number.NaN
    if (!(value >= range.min && value <= range.max))
      throw new Error(`must be a number of seconds from ${range.min} to ${range.max}`)
    return value * MS_PER_SECOND
  }
  const fallback = fallbackSeconds * MS_PER_SECOND
  return setting(env, String(fallbackSeconds), fallback, about, parse, `${range.min} to ${range.max}`)
}

export function choice<const Choice extends string>(
  env: string,
  choices: readonly Choice[],
  fallback: NoInfer<Choice>,
  about: string,
): Setting<Choice> {
  const parse = (given: string): Choice => {
    const found = choices.find(each => each === given)
    if (!found) throw new Error(`must be one of ${choices.join(', ')}`)
    return found
  }
  return setting<Choice>(
    env,
    fallback,
    fallback,
    about,
    parse,
    choices.filter(each => each !== '').join(', '),
  )
}

/** A word that becomes part of a command to the switch. */
export function name(env: string, fallback: string, about: string): Setting<string> {
  return setting(env, fallback, fallback, about, parseName)
}

function parseName(given: string): string {
  if (!/^[A-Za-z0-9_.-]{1,64}$/.test(given)) throw new Error('must be 1-64 of letters, digits and _.-')
  return given
}

export function gatewayMap(env: string, about: string): Setting<Readonly<Record<string, string>>> {
  return setting<Readonly<Record<string, string>>>(env, '', {}, about, given => {
    const pairs = given.split(',').map(each => each.split('=').map(word => word.trim()))
    if (pairs.some(pair => pair.length !== 2))
      throw new Error('must be `provider=gateway`, with commas between')
    return Object.fromEntries(pairs.map(pair => pair.map(parseName)))
  })
}

/** How an account is dialled whose phones are awake. */
export type AccountDial = { kind: 'user'; domain: string | undefined } | { kind: 'gateway'; gateway: string }

export function accountDial(env: string, about: string): Setting<AccountDial> {
  const parse = (given: string): AccountDial => {
    const [, domain] = /^user(?:@([A-Za-z0-9.-]{1,253}))?$/.exec(given) ?? []
    if (domain !== undefined || given === 'user') return { kind: 'user', domain }
    if (given.startsWith('gateway:'))
      return { kind: 'gateway', gateway: parseName(given.slice('gateway:'.length)) }
    throw new Error('must be `user`, `user@<domain>` or `gateway:<name>`')
  }
  const values = '`user`, `user@<domain>`, `gateway:<name>`'
  return setting<AccountDial>(env, 'user', { kind: 'user', domain: undefined }, about, parse, values)
}

/** An address where something listens; without a port, another setting names it. */
export interface HostPort {
  host: string
  port: number | undefined
}

export function hostList(env: string, fallback: string, about: string): Setting<readonly HostPort[]> {
  const parse = (given: string): readonly HostPort[] =>
    given.split(',').map(each => parseHostPort(each.trim()))
  return setting<readonly HostPort[]>(env, fallback, parse(fallback), about, parse)
}

function parseHostPort(given: string): HostPort {
  const parts = /^(?:\[([0-9a-fA-F:]+)\]|([A-Za-z0-9_.-]+))(?::(\d{1,5}))?$/.exec(given)
  const port = parts?.[3] === undefined ? undefined : Number(parts[3])
  if (!parts || (port !== undefined && (port < 1 || port > 65_535)))
    throw new Error('must be `host` or `host:port`, with commas between')
  return { host: (parts[1] ?? parts[2])!, port }
}

export function flag(env: string, fallback: boolean, about: string): Setting<boolean> {
  const parse = (given: string): boolean => {
    if (given !== 'true' && given !== 'false') throw new Error('must be true or false')
    return given === 'true'
  }
  return setting<boolean>(env, String(fallback), fallback, about, parse, 'true, false')
}

export function networks(env: string, fallback: string, about: string): Setting<NetworkList> {
  const parse = (given: string): NetworkList =>
    parseNetworks(
      given
        .split(',')
        .map(each => each.trim())
        .filter(each => each !== ''),
    )
  return { ...setting<NetworkList>(env, fallback, parse(fallback), about, parse), takesEmpty: true }
}

/** A token, and whose it is. */
export interface NamedToken {
  name: string
  secret: string
}

export function namedTokens(env: string, lengthMin: number, about: string): Setting<readonly NamedToken[]> {
  const parse = (given: string): readonly NamedToken[] => {
    const tokens = given.split(',').map(each => {
      const colon = each.indexOf(':')
      return { name: each.slice(0, Math.max(colon, 0)).trim(), secret: each.slice(colon + 1).trim() }
    })
    if (tokens.some(each => !/^[\w.@-]{1,64}$/.test(each.name)))
      throw new Error('must be `name:token`, with commas between')
    if (tokens.some(each => each.secret.length < lengthMin))
      throw new Error(`needs tokens of at least ${lengthMin} characters`)
    if (new Set(tokens.map(each => each.name)).size !== tokens.length) throw new Error('names somebody twice')
    if (new Set(tokens.map(each => each.secret)).size !== tokens.length)
      throw new Error('has one token under two names')
    return tokens
  }
  return setting<readonly NamedToken[]>(
    env,
    '',
    [],
    about,
    parse,
    `tokens of ${lengthMin} characters or more`,
  )
}

/** HS256 wants a key at least as long as its hash: 32 bytes (RFC 7518, 3.2). */
const SECRET_LENGTH_MIN = 32

export function secretList(env: string, about: string): Setting<readonly NamedSecret[]> {
  return setting<readonly NamedSecret[]>(env, '', [], about, given => {
    const secrets = given.split(',').map(each => {
      const colon = each.indexOf(':')
      return { kid: each.slice(0, colon).trim(), secret: each.slice(colon + 1).trim() }
    })
    if (secrets.some(each => !/^[\w.-]{1,64}$/.test(each.kid)))
      throw new Error('must be `kid:secret`, with commas between')
    if (secrets.some(each => each.secret.length < SECRET_LENGTH_MIN))
      throw new Error(`needs secrets of at least ${SECRET_LENGTH_MIN} characters`)
    if (new Set(secrets.map(each => each.kid)).size !== secrets.length) throw new Error('names a kid twice')
    return secrets
  })
}
