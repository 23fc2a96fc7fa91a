// Reads and compares the credentials that a request brings. Who may do what is decided by the listeners.
import { createHash, timingSafeEqual } from 'node:crypto'

/** The bearer token of a request. */
export function bearerOf(request: Request): string | undefined {
  const match = /^Bearer +(\S+)$/i.exec(request.headers.get('authorization') ?? '')
  return match?.[1]
}

/** Compares secrets in a time that tells nothing of either. */
export function isSameSecret(given: string | undefined, expected: string | undefined): boolean {
  if (given === undefined || expected === undefined) return false
  const digest = (text: string) => createHash('sha256').update(text).digest()
  return timingSafeEqual(digest(given), digest(expected))
}
