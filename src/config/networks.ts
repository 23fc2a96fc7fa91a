// Lists of networks as settings name them (CIDR blocks or single addresses), and the question whether an address
// is in one. The only file that imports ipaddr.js.
import ipaddr from 'ipaddr.js'

/** Tells whether an address is in the list. Unparsable addresses are in no list. */
export interface NetworkList {
  (address: string): boolean
  /** Nobody is in it. */
  readonly isEmpty: boolean
  /** Its blocks of several addresses that hold private ones, as CIDR. */
  readonly privateRanges: readonly string[]
}

/** The same clients ask again and again: the answers for this many addresses are kept. */
const ANSWERS_MAX = 4_096

/** @throws a sentence with the place of the first entry that is neither an address nor a CIDR block. */
export function parseNetworks(entries: readonly string[]): NetworkList {
  const networks = entries.map((entry, index) => parseNetwork(entry, index + 1))
  const answers = new Map<string, boolean>()
  const isIn = (address: string): boolean => {
    const known = answers.get(address)
    if (known !== undefined) return known
    const answer = contains(networks, address)
    if (answers.size >= ANSWERS_MAX) answers.clear()
    answers.set(address, answer)
    return answer
  }
  const privateRanges = networks.filter(isPrivateRange).map(([base, bits]) => `${base}/${bits}`)
  return Object.assign(isIn, { isEmpty: networks.length === 0, privateRanges })
}

/** The one spelling that an address has here: `::ffff:10.0.0.1`, which a dual-stack socket reports, is `10.0.0.1`.
 *  @returns undefined of what is no whole address. */
export function canonicalAddress(text: string): string | undefined {
  // Programs read shorter forms of IPv4 (`10`, `10.1`) in different ways.
  if (!ipaddr.IPv4.isValidFourPartDecimal(text) && !ipaddr.IPv6.isValid(text)) return undefined
  return ipaddr.process(text).toString()
}

/** Hextets of an IPv6 address that name a customer's network; what follows changes by itself (RFC 8981). */
const NETWORK_HEXTETS = 4

/** The network that counts as one client: an IPv4 address, or the /64 of an IPv6 address, as one phone has a whole /64. */
export function clientNetwork(address: string): string {
  // An IPv4 address from a socket has this spelling already.
  if (!address.includes(':')) return address
  const canonical = canonicalAddress(address)
  if (canonical === undefined) return address
  const parsed = ipaddr.parse(canonical)
  if (!(parsed instanceof ipaddr.IPv6)) return canonical
  return `${parsed.parts
    .slice(0, NETWORK_HEXTETS)
    .map(hextet => hextet.toString(16))
    .join(':')}::/64`
}

type Network = [ipaddr.IPv4 | ipaddr.IPv6, number]

/** The entry is named by its place, never by its text: it may be a secret that was put in the wrong setting. */
function parseNetwork(entry: string, place: number): Network {
  if (ipaddr.isValidCIDR(entry)) return unmapped(ipaddr.parseCIDR(entry))
  const address = canonicalAddress(entry)
  if (address === undefined)
    throw new Error(`has an entry that is neither an address nor a CIDR block (number ${place})`)
  const parsed = ipaddr.parse(address)
  return [parsed, bitsOf(parsed)]
}

const bitsOf = (address: ipaddr.IPv4 | ipaddr.IPv6): number => (address.kind() === 'ipv4' ? 32 : 128)

/** Bits of `::ffff:0:0/96`, under which IPv6 has all of IPv4. */
const MAPPED_BITS = 96

/** A block of IPv4 that is written as IPv6: addresses are compared as IPv4. */
function unmapped([base, bits]: Network): Network {
  if (base instanceof ipaddr.IPv6 && base.isIPv4MappedAddress() && bits >= MAPPED_BITS)
    return [base.toIPv4Address(), bits - MAPPED_BITS]
  return [base, bits]
}

function contains(networks: Network[], address: string): boolean {
  const canonical = canonicalAddress(address)
  if (canonical === undefined) return false
  const parsed = ipaddr.parse(canonical)
  return networks.some(([base, bits]) => parsed.kind() === base.kind() && parsed.match(base, bits))
}

/** Addresses that many networks use inside: RFC 1918 and 4193, what carriers share (RFC 6598), link-local ones. A NAT
 *  or a proxy shows everybody who comes through it as one of these. */
const PRIVATE = ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '100.64.0.0/10', '169.254.0.0/16']
  .concat('fc00::/7', 'fe80::/10')
  .map(each => ipaddr.parseCIDR(each))

/** Two blocks share addresses when the one with fewer bits holds the other. */
function isPrivateRange([base, bits]: Network): boolean {
  if (bits === bitsOf(base)) return false
  return PRIVATE.some(
    ([other, otherBits]) => other.kind() === base.kind() && base.match(other, Math.min(bits, otherBits)),
  )
}
