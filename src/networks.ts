// Lists of networks as settings name them (CIDR blocks or single addresses), and the question whether an address
// is in one. The only file that imports ipaddr.js.
import ipaddr from 'ipaddr.js'

/** Tells whether an address is in the list. Unparsable addresses are in no list. */
export type NetworkList = (address: string) => boolean

/** Most clients ask again: this many answers are kept. */
const ANSWERS_MAX = 4_096

/** @throws a sentence naming the first entry that is neither an address nor a CIDR block. */
export function parseNetworks(entries: readonly string[]): NetworkList {
  const networks = entries.map(parseNetwork)
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

function parseNetwork(entry: string): Network {
  if (ipaddr.isValidCIDR(entry)) return ipaddr.parseCIDR(entry)
  if (!ipaddr.isValid(entry))
    throw new Error(`has an entry that is neither an address nor a CIDR block: ${entry}`)
  const address = ipaddr.process(entry)
  return [address, address.kind() === 'ipv4' ? 32 : 128]
}

function contains(networks: Network[], address: string): boolean {
  if (!ipaddr.isValid(address)) return false
  // `process` turns ::ffff:10.0.0.1, which a dual-stack socket reports, into 10.0.0.1.
  const parsed = ipaddr.process(address)
  return networks.some(([network, bits]) => parsed.kind() === network.kind() && parsed.match(network, bits))
}
