// Who is at the other end of a request. Behind a proxy the client stands in X-Forwarded-For, which anybody can
// write: it counts only when the connection comes from a proxy that the settings trust (TRUST_PROXY), and only as
// far back as the proxies are trusted.
import type { NetworkList } from '../../config/networks.ts'

/** The connection's own address, or behind trusted proxies the last one that they did not add for each other. */
export function clientAddressOf(
  connection: string,
  forwardedFor: string | null,
  isTrusted: NetworkList,
): string {
  if (forwardedFor === null || !isTrusted(connection)) return connection
  const hops = forwardedFor.split(',').map(each => each.trim())
  let client = connection
  while (hops.length > 0 && isTrusted(client)) client = hops.pop()!
  return client
}
