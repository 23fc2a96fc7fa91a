// SIP messages as text and as values (RFC 3261, the part that phones on a loopback network need), and the digest that
// a challenged caller must send. Nothing is sent or remembered here.
import { createHash } from 'node:crypto'

export interface SipMessage {
  /** `INVITE sip:1@host SIP/2.0`, `SIP/2.0 200 OK`. */
  start: string
  /** In the order of the wire, names as sent. */
  headers: [name: string, value: string][]
  body: string
}

/** The first of that name, whatever its case. */
export const headerOf = (message: SipMessage, name: string): string | undefined =>
  message.headers.find(([each]) => each.toLowerCase() === name.toLowerCase())?.[1]

/** @returns undefined for what is no SIP, a keep-alive say. */
export function parseSip(text: string): SipMessage | undefined {
  const headEnd = text.indexOf('\r\n\r\n')
  if (headEnd < 0) return undefined
  const [start = '', ...lines] = text.slice(0, headEnd).split('\r\n')
  const headers = lines.map((line): [string, string] => {
    const colon = line.indexOf(':')
    return [line.slice(0, colon).trim(), line.slice(colon + 1).trim()]
  })
  return { start, headers, body: text.slice(headEnd + 4) }
}

export function sipText({ start, headers, body }: SipMessage): string {
  const all: [string, string][] = [...headers, ['Content-Length', String(Buffer.byteLength(body))]]
  return `${start}\r\n${all.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n${body}`
}

/** The method of a request, or undefined for a response. */
export const methodOf = (message: SipMessage): string | undefined =>
  message.start.startsWith('SIP/') ? undefined : message.start.split(' ')[0]

/** The user part of a request's address: the number that was dialled. */
export const numberOf = (request: SipMessage): string =>
  /^[A-Z]+ sips?:([^@;]+)@/.exec(request.start)?.[1] ?? ''

/** The status of a response. */
export const statusOf = (response: SipMessage): number => Number(response.start.split(' ')[1])

const REASONS: Record<number, string> = {
  100: 'Trying',
  180: 'Ringing',
  183: 'Session Progress',
  200: 'OK',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  407: 'Proxy Authentication Required',
  481: 'Call/Transaction Does Not Exist',
  486: 'Busy Here',
  487: 'Request Terminated',
  503: 'Service Unavailable',
  603: 'Decline',
}

/** A response to a request. @param further headers besides those that every response repeats. */
export function responseTo(
  request: SipMessage,
  answer: { status: number; toTag: string; further?: [string, string][]; body?: string },
): SipMessage {
  const repeated = request.headers.filter(([name]) => /^(via|from|call-id|cseq|record-route)$/i.test(name))
  const to = headerOf(request, 'to') ?? ''
  const tagged = /;tag=/i.test(to) || answer.status === 100 ? to : `${to};tag=${answer.toTag}`
  return {
    start: `SIP/2.0 ${answer.status} ${REASONS[answer.status] ?? 'Unnamed'}`,
    headers: [...repeated, ['To', tagged], ...(answer.further ?? [])],
    body: answer.body ?? '',
  }
}

/** Where the other side wants its RTP, from its SDP. */
export function rtpTargetOf(sdp: string): { host: string; port: number } | undefined {
  const host = /^c=IN IP4 (\S+)/m.exec(sdp)?.[1]
  const port = /^m=audio (\d+) /m.exec(sdp)?.[1]
  return host && port ? { host, port: Number(port) } : undefined
}

/** PCMU and a keypad, both ways. */
export function sdpOf(host: string, port: number, keypadPayload: number): string {
  return [
    'v=0',
    `o=phone 1 1 IN IP4 ${host}`,
    's=-',
    `c=IN IP4 ${host}`,
    't=0 0',
    `m=audio ${port} RTP/AVP 0 ${keypadPayload}`,
    'a=rtpmap:0 PCMU/8000',
    `a=rtpmap:${keypadPayload} telephone-event/8000`,
    `a=fmtp:${keypadPayload} 0-15`,
    'a=ptime:20',
    'a=sendrecv',
    '',
  ].join('\r\n')
}

export interface Login {
  username: string
  password: string
}

/** Whether an `Authorization` answers our challenge with this login (RFC 2617, qop auth or none). */
export function isAuthorized(authorization: string, method: string, login: Login): boolean {
  const field = (name: string) => {
    const parts = new RegExp(`[ ,]${name}=(?:"([^"]*)"|([^, ]+))`, 'i').exec(authorization)
    return parts?.[1] ?? parts?.[2] ?? ''
  }
  if (field('username') !== login.username) return false
  const secret = md5(`${login.username}:${field('realm')}:${login.password}`)
  const request = md5(`${method}:${field('uri')}`)
  const middle =
    field('qop') === ''
      ? field('nonce')
      : `${field('nonce')}:${field('nc')}:${field('cnonce')}:${field('qop')}`
  return field('response') === md5(`${secret}:${middle}:${request}`)
}

const md5 = (text: string): string => createHash('md5').update(text).digest('hex')
