// Reads what a SIP phone says in its Contact about being woken by push (RFC 8599: pn-provider, pn-param, pn-prid; and
// Linphone's older pn-type, app-id, pn-tok). Text goes in, a push address comes out. Which app of ours that is, and what
// becomes of it, is decided elsewhere. The text is a stranger's: everything is bounded and checked before it is kept.
import type { Vendor } from '../push/push.ts'

/** Where a registered phone is pushed. The tokens are secrets. */
export interface PushAddress {
  vendor: Vendor
  /** Apple: the app's bundle id. Google: the project or sender id. */
  appName: string
  /** Apple's team, where the phone names it. */
  teamId?: string
  token: string
  /** Apple's token for alerts, which takes messages. */
  alertToken?: string
  /** Apple's sandbox host: a development build. */
  isSandbox: boolean
}

export type ContactReading =
  | { kind: 'address'; address: PushAddress }
  /** `*`: all of the account's contacts (RFC 3261, 10.2.2). */
  | { kind: 'all' }
  /** The phone asks for no push. */
  | { kind: 'none' }
  /** It asks, and what it says can't be used. `reason` quotes nothing of it. */
  | { kind: 'unusable'; reason: string }

export interface ContactText {
  text: string
  /** The parameters' percent-encoding is gone already, as in FreeSWITCH's events: it is taken off once. */
  isDecoded: boolean
}

/** A push token may have 4,096 characters, each encoded as three; the other parameters are short. */
const CONTACT_CHARACTERS_MAX = 16_384
/** Contacts in one header value, and parameters in one contact; phones send one, and ten to twenty. */
const CONTACTS_MAX = 10
const PARAMETERS_MAX = 100

/** Bytes in hex. Apple's tokens have 32 today and may grow; what is shorter Apple itself refuses. */
const APPLE_TOKEN = /^(?:[0-9a-f]{2}){4,100}$/i
const GOOGLE_TOKEN = /^[A-Za-z0-9_:.-]{4,4096}$/
/** As APPS_FILE and the device routes have them. */
const APP_NAME = /^[A-Za-z0-9_.-]{1,255}$/
const TEAM_ID = /^[A-Z0-9]{10}$/
/** What apps print of a token that they do not have. */
const NO_TOKEN = /^(?:undefined|null|none|nil)$/i

/** By the provider's name, in lower case. `apns.dev` and `apple` are Linphone's. */
const PROVIDERS = new Map<string, { vendor: Vendor; isSandbox: boolean }>([
  ['apns', { vendor: 'apns', isSandbox: false }],
  ['apns.dev', { vendor: 'apns', isSandbox: true }],
  ['apple', { vendor: 'apns', isSandbox: false }],
  ['fcm', { vendor: 'fcm', isSandbox: false }],
  ['firebase', { vendor: 'fcm', isSandbox: false }],
  ['google', { vendor: 'fcm', isSandbox: false }],
])

/** Reads a Contact's URI, or the whole value of the header. Of several contacts the first that asks for pushes counts. */
export function readPushContact({ text, isDecoded }: ContactText): ContactReading {
  if (text.length > CONTACT_CHARACTERS_MAX) return unusable('longer than any contact')
  if (text.trim() === '*') return { kind: 'all' }
  for (const uri of urisOf(text)) {
    const read = readUri(uri, isDecoded)
    if (read.kind !== 'none') return read
  }
  return { kind: 'none' }
}

function readUri(uri: string, isDecoded: boolean): ContactReading {
  const parameters = parametersOf(uri)
  if (!parameters) return unusable('too many parameters')
  const value = (name: string): string | undefined => {
    const raw = parameters.get(name)
    return raw === undefined || isDecoded ? raw : decodeOnce(raw)
  }
  // RFC 8599 with a provider and no token asks what the server supports; it is no address yet.
  if (parameters.has('pn-prid')) return readAddress(value('pn-provider'), value('pn-param'), value('pn-prid'))
  if (parameters.has('pn-tok')) return readAddress(value('pn-type'), value('app-id'), value('pn-tok'))
  return { kind: 'none' }
}

function readAddress(provider = '', param = '', token = ''): ContactReading {
  const known = PROVIDERS.get(provider.toLowerCase())
  if (!known) return unusable('a provider that is neither Apple nor Google')
  return known.vendor === 'apns' ? readApple(param, token, known.isSandbox) : readGoogle(param, token)
}

/** `TEAM.bundle[.voip][&remote]` (RFC 8599, 10.1), or Linphone's older `bundle.voip.prod` and `.dev`. */
function readApple(param: string, tokens: string, isSandboxProvider: boolean): ContactReading {
  const build = /\.(prod|dev)$/.exec(param)?.[1]
  let name = build === undefined ? param : param.slice(0, -build.length - 1)
  const lastDot = name.lastIndexOf('.')
  const services = name.slice(lastDot + 1).split('&')
  if (services.every(each => each === 'voip' || each === 'remote')) name = name.slice(0, lastDot)
  const [first = ''] = name.split('.')
  const teamId = TEAM_ID.test(first) && name.includes('.') ? first : undefined
  const appName = teamId === undefined ? name : name.slice(teamId.length + 1)
  if (!APP_NAME.test(appName)) return unusable('no bundle id')
  const byService = appleTokens(tokens)
  if (!byService) return unusable('no device token of Apple')
  const token = byService.get('voip')
  if (token === undefined) return unusable('no VoIP token: an alert wakes no phone app')
  const alertToken = byService.get('remote')
  return {
    kind: 'address',
    address: {
      vendor: 'apns',
      appName,
      ...(teamId === undefined ? {} : { teamId }),
      token,
      ...(alertToken === undefined ? {} : { alertToken }),
      isSandbox: isSandboxProvider || build === 'dev',
    },
  }
}

/** `TOKEN[:voip][&TOKEN:remote]`; a token without a service is the VoIP one. */
function appleTokens(text: string): Map<string, string> | undefined {
  const tokens = new Map<string, string>()
  const parts = text.split('&')
  if (parts.length > 2) return undefined
  for (const part of parts) {
    const [token = '', service = 'voip', ...more] = part.split(':')
    const isService = service === 'voip' || service === 'remote'
    if (!isService || more.length > 0 || tokens.has(service) || !APPLE_TOKEN.test(token)) return undefined
    tokens.set(service, token)
  }
  return tokens
}

function readGoogle(param: string, token: string): ContactReading {
  if (!APP_NAME.test(param)) return unusable('no project or sender id')
  if (!GOOGLE_TOKEN.test(token) || NO_TOKEN.test(token)) return unusable('no registration token of Google')
  return { kind: 'address', address: { vendor: 'fcm', appName: param, token, isSandbox: false } }
}

/** The URIs between angle brackets, outside of quoted names; without brackets the text itself. */
function urisOf(text: string): string[] {
  // A quotation mark that nothing closes takes the rest with it, so that each character is read once.
  const unquoted = text.replace(/"(?:[^"\\]|\\.)*(?:"|$)/g, '')
  const bracketed = unquoted.match(/<[^<>]*>/g)
  if (bracketed) return bracketed.slice(0, CONTACTS_MAX).map(each => each.slice(1, -1))
  return [unquoted]
}

/** By name in lower case, the first of each; those of the URI, not of what stands before its host.
 *  @returns undefined when there are too many. */
function parametersOf(uri: string): Map<string, string> | undefined {
  const start = uri.search(/sips?:/i)
  if (start < 0) return new Map()
  const [address = ''] = uri.slice(start).split('?')
  const [, ...parts] = address.slice(address.indexOf('@') + 1).split(';')
  if (parts.length > PARAMETERS_MAX) return undefined
  const parameters = new Map<string, string>()
  for (const part of parts) {
    const equals = part.indexOf('=')
    const name = (equals < 0 ? part : part.slice(0, equals)).trim().toLowerCase()
    if (!parameters.has(name)) parameters.set(name, equals < 0 ? '' : part.slice(equals + 1).trim())
  }
  return parameters
}

/** What is no such encoding stays as it is, and fails the check of what it stands for. */
function decodeOnce(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    // A `%` stands for itself here: the parameter is read as it was sent.
    return text
  }
}

const unusable = (reason: string): ContactReading => ({ kind: 'unusable', reason })
