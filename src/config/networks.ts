// Lists of networks as settings name them (CIDR blocks or single addresses), and the question whether an address
// is in one. The only file that imports ipaddr.js.
import ipaddr from 'ipaddr.js'

/** Tells whether an address is in the list. Unparsable addresses are in no list. */
export type NetworkList = (address: string) => boolean

/** Most clients ask again: this many answers are kept. */
const ANSWERS_MAX = 4_096

/** @throws a sentence with the place of the first entry that is neither an address nor a CIDR block. */
export function parseNetworks(entries: readonly string[]): NetworkList {
  const networks = entries.map((entry, index) => parseNetwork(entry, index + 1))
  const answers = new Map<string, boolean>()
  return address => {
    const known = answers.get(address)
    if (known !== undefined) return known
    const isIn = contains(networks, address)
    if (answers.size >= ANSWERS_MAX) answers.clear()
    answers.set(address, isIn)
    return isIn
  }
}

type Network = [ipaddr.IPv4 | ipaddr.IPv6, number]

/** The entry is named by its place, never by its text: it may be a secret that was put in the wrong setting. */
function parseNetwork(entry: string, place: number): Network {
  if (ipaddr.isValidCIDR(entry)) return ipaddr.parseCIDR(entry)
  // Shorter forms of IPv4 (`10`, `10.1`) are read in ways that nobody means.
  if (!ipaddr.IPv4.isValidFourPartDecimal(entry) && !ipaddr.IPv6.isValid(entry))
    throw new Error(`has an entry that is neither an address nor a CIDR block (number ${place})`)
  const address = ipaddr.process(entry)
  return [address, address.kind() === 'ipv4' ? 32 : 128]
}

function contains(networks: Network[], address: string): boolean {
  if (!ipaddr.isValid(address)) return false
  // `process` turns ::ffff:10.0.0.1, which a dual-stack socket reports, into 10.0.0.1.
  const parsed = ipaddr.process(address)
  return networks.some(([network, bits]) => parsed.kind() === network.kind() && parsed.match(network, bits))
}
