// What a switch knows of the phones that are registered at it: the rows of `show registrations as json`, read. What a
// Contact means is another room's matter.

/** One binding, as FreeSWITCH keeps it: the Contact's parameters are percent-decoded. */
export interface Binding {
  user: string
  domain: string
  /** `sofia/internal/sip:1000@192.0.2.7:5060;transport=tcp;pn-provider=…` */
  url: string
  expiresAtSeconds: number
}

/** As the HTTP routes take it. */
export const ACCOUNT = /^[A-Za-z0-9_.+~-]{1,64}(@[A-Za-z0-9.-]{1,255})?$/

/** A list that is none has no bindings; a switch without any says no `rows`. */
export function bindingsOf(text: string): Binding[] {
  let list: unknown
  try {
    list = JSON.parse(text)
  } catch {
    // A switch without the command answers `-ERR …`: it tells of no binding.
    return []
  }
  const { rows } = (list ?? {}) as { rows?: unknown }
  if (!Array.isArray(rows)) return []
  return rows.flatMap((row: Record<string, unknown> | null): Binding[] => {
    const { reg_user: user, realm: domain, url, expires } = row ?? {}
    if (typeof user !== 'string' || typeof domain !== 'string' || typeof url !== 'string') return []
    if (!ACCOUNT.test(user)) return []
    return [{ user, domain, url, expiresAtSeconds: Number(expires) || 0 }]
  })
}
