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
  callId?: string
}

interface Binding {
  user: string
  domain: string
  uri: string
  contact: string
  callId: string
  userAgent: string
  expiresAtSeconds: number
}

export class Registrations {
  /** By user, domain and URI. */
  readonly #bindings = new Map<string, Binding>()

  /** Takes a REGISTER, and fires what FreeSWITCH fires. */
  register(exchange: Exchange, phone: PhoneRegistration): void {
    const { user, domain = '127.0.0.1', uri, expiresSeconds = 600, userAgent = 'ExamplePhone/1' } = phone
    exchange.plant.records.add({ kind: 'register', user, expiresSeconds })
    const key = `${user} ${domain} ${uri}`
    const { callId = `c-${user}` } = phone
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
    // A binding that is made anew is told last.
    this.#bindings.delete(key)
    this.#bindings.set(key, { user, domain, uri, contact, callId, userAgent, expiresAtSeconds })
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
    return found.length === 0
      ? 'error/user_not_registered\n'
      : `${found.map(each => urlOf(each).replace('/sips:', '/sip:')).join(',')}\n`
  }

  /** As `show registrations` lists them: of each account the newest, unless switch.conf has `multiple-registrations`. */
  rows({ settings }: Exchange): Record<string, string>[] {
    const listed = new Map([...this.#bindings].map(([key, each]) => [accountOf(each), key]))
    return [...this.#bindings]
      .filter(([key, each]) => settings.listsAllPhones || listed.get(accountOf(each)) === key)
      .map(([, each]) => ({
        ...{
          reg_user: each.user,
          realm: each.domain,
          token: each.callId,
          url: urlOf(each).replaceAll("'", "''"),
        },
        ...{ expires: String(each.expiresAtSeconds), network_ip: '127.0.0.1', network_port: '35350' },
        ...{ network_proto: 'tcp', hostname: settings.hostname, metadata: '' },
      }))
  }

  /** As `sofia xmlstatus profile internal reg` tells all of them. What the phone says is encoded, but not its Call-ID. */
  status({ settings }: Exchange): string {
    const nowSeconds = Math.floor(settings.clock() / 1_000)
    const registrations = [...this.#bindings.values()].map(each => {
      const lasts = each.expiresAtSeconds - nowSeconds
      return (
        `    <registration>\n        <call-id>${each.callId}</call-id>\n        <user>${accountOf(each)}</user>\n` +
        `        <contact>${encoded(each.contact)}</contact>\n        <agent>${encoded(each.userAgent)}</agent>\n` +
        `        <status>Registered(TCP)(unknown) exp(2026-12-01 12:00:00) expsecs(${lasts})</status>\n` +
        '        <ping-status>Reachable</ping-status>\n        <ping-time>0.00</ping-time>\n' +
        `        <host>${settings.hostname}</host>\n        <network-ip>127.0.0.1</network-ip>\n` +
        '        <network-port>35350</network-port>\n        <sip-auth-user>unknown</sip-auth-user>\n' +
        `        <sip-auth-realm>${each.domain}</sip-auth-realm>\n        <mwi-account>${accountOf(each)}</mwi-account>\n` +
        '    </registration>\n'
      )
    })
    return `${XML_HEAD}<profile>\n  <registrations>\n${registrations.join('')}  </registrations>\n</profile>\n`
  }
}

export const XML_HEAD = '<?xml version="1.0" encoding="ISO-8859-1"?>\n'

const accountOf = ({ user, domain }: Binding): string => `${user}@${domain}`
const urlOf = ({ uri }: Binding): string => `sofia/internal/${uri}`

const ENTITIES: Record<string, string> = {
  '"': '&quot;',
  "'": '&apos;',
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
}

const encoded = (text: string): string => text.replace(/["'&<>]/g, found => ENTITIES[found]!)
