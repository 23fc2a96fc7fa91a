// Tells who sent a request to the internal listener: the caller's address, and the name of the caller's token. `guard.ts`
// decides what the caller may do, and `audit.ts` writes down what the caller has ordered.
import type { NamedToken } from '../../config/kinds.ts'
import type { NetworkList } from '../../config/networks.ts'
import { clientOf } from '../clientAddress.ts'
import { bearerOf, isSameSecret } from '../credentials.ts'

/** `wrong`: a bearer token that is none of ours. */
export type Credential =
  | { kind: 'admin'; name: string }
  | { kind: 'metrics' }
  | { kind: 'wrong' }
  | { kind: 'none' }

export interface Caller {
  /** The nearest address that a trusted proxy, or the socket itself, vouches for. */
  client: string
  /** False: the request came through a proxy that TRUST_PROXY does not name, or that names no client. */
  isCertain: boolean
  credential: Credential
}

export type CallerOf = (request: Request) => Caller

export interface CallerOptions {
  /** ADMIN_TOKEN and ADMIN_TOKENS; none on a loopback listener that wants none. */
  adminTokens: readonly NamedToken[]
  metricsToken: string | undefined
  isTrustedProxy: NetworkList
  /** The address that the request's socket reports. */
  connectionOf: (request: Request) => string
}

export function createCallerOf(options: CallerOptions): CallerOf {
  const { adminTokens, metricsToken, isTrustedProxy, connectionOf } = options

  function credentialOf(request: Request): Credential {
    const token = bearerOf(request)
    if (token === undefined) return { kind: request.headers.has('authorization') ? 'wrong' : 'none' }
    // All are compared, so that the time tells nothing of their order.
    const [admin] = adminTokens.filter(({ secret }) => isSameSecret(token, secret))
    if (admin) return { kind: 'admin', name: admin.name }
    return { kind: isSameSecret(token, metricsToken) ? 'metrics' : 'wrong' }
  }

  return request => {
    const { address: client, isCertain } = clientOf(connectionOf(request), request.headers, isTrustedProxy)
    return { client, isCertain, credential: credentialOf(request) }
  }
}
