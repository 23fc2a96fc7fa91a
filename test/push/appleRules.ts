// What Apple checks of a push before it takes it, in the order of the documentation ("Sending notification requests
// to APNs", "Establishing a token-based connection to APNs", "Handling notification responses from APNs").
import { verify } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http2'
import { type Clock, MS_PER_MINUTE, MS_PER_SECOND } from '../../src/base/units.ts'
import type { ApplePublicKey } from './appCredentials.ts'

export interface Refusal {
  status: number
  reason: string
}

export interface AppleVerdict {
  deviceToken: string
  isTokenValid: boolean
  refusal: Refusal | undefined
}

const PROVIDER_TOKEN_AGE_MAX_MS = 60 * MS_PER_MINUTE
/** Clocks differ a little. */
const CLOCK_LEEWAY_MS = MS_PER_MINUTE
/** "More than once every 20 minutes" is too often; two serve a renewal that comes early. */
const TOKENS_IN_20_MINUTES_MAX = 2
const VOIP_BYTES_MAX = 5_120
const OTHER_BYTES_MAX = 4_096

export function createAppleRules(keys: ApplePublicKey[], clock: Clock) {
  const tokensSeen = new Map<string, number>()

  return {
    /** Every provider token that ever came, with the time it came first. */
    tokensSeen,

    check(headers: IncomingHttpHeaders, body: string): AppleVerdict {
      const deviceToken = /^\/3\/device\/([^/]*)$/.exec(headers[':path'] ?? '')?.[1]
      const signer = readProviderToken(headers.authorization)
      const isTokenValid = typeof signer !== 'string'
      const refusal = isTokenValid
        ? refusalOf(headers, deviceToken, signer, body)
        : { status: signer === 'TooManyProviderTokenUpdates' ? 429 : 403, reason: signer }
      return { deviceToken: deviceToken ?? '', isTokenValid, refusal }
    },
  }

  /** @returns the key that signed, or Apple's reason. */
  function readProviderToken(authorization: string | undefined): ApplePublicKey | string {
    const token = /^bearer (\S+)$/i.exec(authorization ?? '')?.[1]
    if (!token) return 'MissingProviderToken'
    const [header = '', claims = '', signature = '', ...rest] = token.split('.')
    const { alg, kid } = decode(header)
    const { iss, iat } = decode(claims)
    const key = keys.find(known => known.keyId === kid && known.teamId === iss)
    if (!key || alg !== 'ES256' || rest.length > 0 || !Number.isInteger(iat)) return 'InvalidProviderToken'
    const isSigned = verify(
      'sha256',
      Buffer.from(`${header}.${claims}`),
      { key: key.publicKey, dsaEncoding: 'ieee-p1363' },
      Buffer.from(signature, 'base64url'),
    )
    const ageMs = clock() - (iat as number) * MS_PER_SECOND
    if (!isSigned || ageMs < -CLOCK_LEEWAY_MS) return 'InvalidProviderToken'
    if (ageMs > PROVIDER_TOKEN_AGE_MAX_MS) return 'ExpiredProviderToken'
    if (!tokensSeen.has(token)) {
      const recent = [...tokensSeen.values()].filter(seenAtMs => clock() - seenAtMs < 20 * MS_PER_MINUTE)
      if (recent.length >= TOKENS_IN_20_MINUTES_MAX * keys.length) return 'TooManyProviderTokenUpdates'
      tokensSeen.set(token, clock())
    }
    return key
  }

  function refusalOf(
    headers: IncomingHttpHeaders,
    deviceToken: string | undefined,
    signer: ApplePublicKey,
    body: string,
  ): Refusal | undefined {
    const bad = (reason: string, status = 400) => ({ status, reason })
    const topic = headers['apns-topic']
    const isVoip = headers['apns-push-type'] === 'voip'
    if (headers[':method'] !== 'POST') return bad('MethodNotAllowed', 405)
    if (deviceToken === undefined) return bad('BadPath', 404)
    if (deviceToken === '') return bad('MissingDeviceToken')
    if (!/^(?:[0-9a-f]{2}){32,100}$/i.test(deviceToken)) return bad('BadDeviceToken')
    if (!topic) return bad('MissingTopic')
    if (Array.isArray(topic)) return bad('DuplicateHeaders')
    if (!signer.topics.includes(topic)) return bad('TopicDisallowed')
    if (topic.endsWith('.voip') !== isVoip) return bad('InvalidPushType')
    if (!['10', '5', '1', undefined].includes(headers['apns-priority'] as string)) return bad('BadPriority')
    if (!/^\d{1,10}$/.test(String(headers['apns-expiration'] ?? '0'))) return bad('BadExpirationDate')
    if (!UUID.test(String(headers['apns-id'] ?? EXAMPLE_UUID))) return bad('BadMessageId')
    if (Buffer.byteLength(body) > (isVoip ? VOIP_BYTES_MAX : OTHER_BYTES_MAX))
      return bad('PayloadTooLarge', 413)
    const { aps } = decodeJson(body)
    if (typeof aps !== 'object' || aps === null) return bad('PayloadEmpty')
    return undefined
  }
}

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/
const EXAMPLE_UUID = '00000000-0000-4000-8000-000000000000'

const decode = (part: string): Record<string, unknown> =>
  decodeJson(Buffer.from(part, 'base64url').toString())

function decodeJson(text: string): Record<string, unknown> {
  try {
    return JSON.parse(text) ?? {}
  } catch {
    // What is no JSON has none of the fields that are asked for.
    return {}
  }
}
