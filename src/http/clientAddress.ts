// Finds the address of the client that sent a request. A proxy names its client in X-Forwarded-For or in Forwarded
// (RFC 7239), but anybody can write these headers. So they count only when the connection comes from a proxy that
// TRUST_PROXY names, and they are read from their end, up to the first address that is no such proxy. What an address may do
// is decided elsewhere.
import { isLoopback } from '../config/config.ts'
import { canonicalAddress, type NetworkList } from '../config/networks.ts'

export interface Client {
  /** The nearest address that a trusted proxy, or the socket itself, vouches for. Limits are counted by it. */
  address: string
  /** False: the request came through a proxy that TRUST_PROXY does not name, so the address may be anybody's. */
  isCertain: boolean
}

/** @param connection the address that the socket reports. */
export function clientOf(connection: string, headers: Headers, isTrusted: NetworkList): Client {
  const forwardedFor = headers.get('x-forwarded-for')
  const forwarded = headers.get('forwarded')
  if (!isTrusted(connection) || (forwardedFor === null && forwarded === null))
    return { address: connection, isCertain: !wasForwarded(headers) }
  const [client, other] = [
    ...(forwardedFor === null ? [] : [walkBack(forwardedFor.split(','), connection, isTrusted)]),
    ...(forwarded === null ? [] : [walkBack(forwardedHops(forwarded), connection, isTrusted)]),
  ]
  // A proxy writes one of the two and passes the other on as its client sent it: which one is not known here.
  if (other && other.address !== client!.address) return { address: connection, isCertain: false }
  return client!
}

/** Reads the addresses from the last one to the first: each was written by the proxy that stands behind it in the list. */
function walkBack(hops: readonly string[], connection: string, isTrusted: NetworkList): Client {
  let address = connection
  for (const hop of hops.toReversed()) {
    const named = addressIn(hop)
    // A loopback address that a proxy on another machine names is not on this machine.
    if (named === undefined || (isLoopback(named) && !isLoopback(address))) break
    address = named
    if (!isTrusted(address)) return { address, isCertain: true }
  }
  // All addresses are proxies, or one proxy does not name its client.
  return { address, isCertain: false }
}

/** `192.0.2.7`, `192.0.2.7:4711`, `2001:db8::7`, `[2001:db8::7]`, `[2001:db8::7]:4711`. */
const HOP = /^\s*(?:\[([^\]]*)\](?::\w+)?|([\d.]+)(?::\w+)?|([^[\]]*))\s*$/

function addressIn(hop: string): string | undefined {
  const [, bracketed, dotted, bare = ''] = HOP.exec(hop) ?? []
  return canonicalAddress(bracketed ?? dotted ?? bare.trim())
}

const PAIR = /\s*([\w!#$%&'*+.^`|~-]+)=(?:"((?:[^"\\]|\\.)*)"|([^\s",;]*))\s*/y

/** The `for` of each element, '' of an element without one. A header that is not wholly well-formed names nobody: an
 *  open quote of the client's would swallow what its proxy has added. */
function forwardedHops(header: string): string[] {
  const hops: string[] = []
  let hop = ''
  PAIR.lastIndex = 0
  for (;;) {
    const pair = PAIR.exec(header)
    if (!pair) return []
    const [text, name = '', quoted, plain = ''] = pair
    if (name.toLowerCase() === 'for') hop = quoted?.replace(/\\(.)/g, '$1') ?? plain
    const end = header.charAt(pair.index + text.length)
    PAIR.lastIndex = pair.index + text.length + 1
    if (end === ';') continue
    if (end !== '' && end !== ',') return []
    hops.push(hop)
    hop = ''
    if (end === '') return hops
  }
}

/** Headers that proxies, balancers and content networks add: any `…Forwarded…` and `Via`, and who names the client by
 *  a header of its own. */
const FORWARDING =
  /(?:^|-)via$|forwarded|(?:client|connecting|real|remote|originating|user|source)-?(?:ip|addr)$|^x-envoy-external-address$|^cdn-loop$/

function wasForwarded(headers: Headers): boolean {
  for (const name of headers.keys()) if (FORWARDING.test(name)) return true
  return false
}
