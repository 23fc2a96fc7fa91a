// Phones that register at the switch: what it knows of them and what it says, as recorded. Of a Contact only the URI counts,
// with its parameters decoded once; a binding stays until it unregisters or its time is over, whether its phone sleeps or not.

import type { Exchange } from './exchange.ts'

export interface PhoneRegistration {
  user: string
  domain?: string
  /** `sip:1000@192.0.2.7:5060;transport=tcp;pn-provider=…`, its parameters percent-decoded. */
  uri: string
  /** 0: it unregisters. */
  expiresSeconds?: number
  userAgent?: string
}

interface Binding {
  url: string
  callId: string
  expiresAtSeconds: number
}

export class Registrations {
  /** By user, domain and URI. */
  readonly #bindings = new Map<string, Binding & { user: string; domain: string }>()

  /** Takes a REGISTER, and fires what FreeSWITCH fires. */
  register(exchange: Exchange, phone: PhoneRegistration): void {
    const { user, domain = '127.0.0.1', uri, expiresSeconds = 600, userAgent = 'ExamplePhone/1' } = phone
    exchange.plant.records.add({ kind: 'register', user, expiresSeconds })
    const key = `${user} ${domain} ${uri}`
    const callId = `c-${user}`
    const contact = `"" <${uri}>`
    if (expiresSeconds === 0) {
      this.#bindings.delete(key)
      return exchange.fireCustom('sofia::unregister', [
        ...['profile-name', 'internal', 'username', 'unknown', 'from-user', user, 'from-host', domain],
        ...['contact', contact, 'call-id', callId, 'rpid', 'unknown', 'realm', 'unknown'],
        ...['network-ip', '127.0.0.1', 'network-port', '35350', 'user-agent', userAgent, 'expires', '0'],
      ])
    }
    const expiresAtSeconds = Math.floor(exchange.settings.clock() / 1_000) + expiresSeconds
    this.#bindings.set(key, { user, domain, url: `sofia/internal/${uri}`, callId, expiresAtSeconds })
    exchange.fireCustom('sofia::register', [
      ...['profile-name', 'internal', 'from-user', user, 'from-host', domain, 'presence-hosts', 'n/a'],
      ...['contact', contact, 'call-id', callId, 'rpid', 'unknown', 'status', 'Registered(TCP)'],
      ...['expires', String(expiresSeconds), 'to-user', user, 'to-host', domain],
      ...['network-ip', '127.0.0.1', 'network-port', '35350', 'username', 'unknown', 'realm', domain],
      ...['user-agent', userAgent],
    ])
  }

  /** As `sofia_contact [<profile>/]<user>[@<domain>]` answers, the eldest first. */
  contactsOf(query: string): string {
    const [user, domain = '127.0.0.1'] = query
      .trim()
      .replace(/^[^/]*\//, '')
      .split('@')
    const found = [...this.#bindings.values()].filter(each => each.user === user && each.domain === domain)
    return found.length === 0 ? 'error/user_not_registered\n' : `${found.map(each => each.url).join(',')}\n`
  }

  /** As `show registrations` lists them. */
  rows(hostname: string): Record<string, string>[] {
    return [...this.#bindings.values()].map(({ user, domain, url, callId, expiresAtSeconds }) => ({
      ...{ reg_user: user, realm: domain, token: callId, url, expires: String(expiresAtSeconds) },
      ...{ network_ip: '127.0.0.1', network_port: '35350', network_proto: 'tcp', hostname, metadata: '' },
    }))
  }
}
