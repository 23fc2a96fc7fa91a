// The name of an account, `user` or `user@domain`, in the one spelling by which it is kept, compared and counted.

/** The domain without capitals (RFC 3261, 19.1.4); of the user part every letter counts. */
export function canonicalAccount(given: string): string {
  const at = given.indexOf('@')
  return at < 0 ? given : given.slice(0, at) + given.slice(at).toLowerCase()
}
