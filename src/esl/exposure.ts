// Judges who can reach a switch's event socket: whoever logs in there owns the switch and, by its `system` command,
// the machine. Known are the address that we use, the password that we use, and what the switch tells of its own
// event_socket.conf.

import { type Finding, fine, problem, warning } from '../base/finding.ts'
import { isLoopback } from '../config/config.ts'

export interface Exposure {
  /** As ESL_URL names the switch. */
  host: string
  password: string
  /** event_socket.conf as `xml_locate` shows it; undefined or an error text when it does not. */
  eventSocketXml: string | undefined
}

/** FreeSWITCH's own, in every copy of its default configuration. */
const DEFAULT_PASSWORD = 'ClueCon'

export function judgeExposure({ host, password, eventSocketXml = '' }: Exposure): Finding[] {
  const listenIp = valuesOf(eventSocketXml, 'listen-ip')[0]
  const lists = valuesOf(eventSocketXml, 'apply-inbound-acl')
  // Without a setting FreeSWITCH binds 127.0.0.1.
  const isBoundWide = listenIp !== undefined && !isLoopback(listenIp)
  const isWide = isBoundWide || !isLoopback(host)
  // On another machine it stands among the settings that everybody knows, once for all switches.
  const ofPassword = isLoopback(host) ? judgePassword(password, isBoundWide) : []
  return [...ofPassword, judgeListener({ host, listenIp, lists, isWide })]
}

const valuesOf = (xml: string, name: string): string[] =>
  [...xml.matchAll(new RegExp(`<param\\s+name="${name}"\\s+value="([^"]*)"`, 'g'))].map(
    ([, value = '']) => value,
  )

function judgePassword(password: string, isWide: boolean): Finding[] {
  if (password !== DEFAULT_PASSWORD)
    return [fine('switch password', "The password is not FreeSWITCH's default.")]
  const what = `The password of the event socket is still ${DEFAULT_PASSWORD}, which everybody knows`
  const todo = 'Set another in event_socket.conf and in ESL_PASSWORD, and reload the module.'
  return [
    isWide
      ? problem(
          'switch password',
          `${what}, and it listens beyond loopback: who reaches it owns the switch.`,
          todo,
        )
      : warning('switch password', `${what}: every program on that machine can command the switch.`, todo),
  ]
}

interface Listener {
  host: string
  listenIp: string | undefined
  lists: string[]
  isWide: boolean
}

function judgeListener({ host, listenIp, lists, isWide }: Listener): Finding {
  const check = 'switch exposure'
  if (!isWide) return fine(check, 'The event socket listens on loopback alone, as far as can be seen.')
  const where = listenIp === undefined ? `is reached at ${host}` : `listens on ${listenIp}`
  // Of several lists all have to admit an address.
  const admitsAll =
    lists.length > 0 && lists.every(list => /^any(_v[46])?(\.auto)?$/.test(list) || list === '0.0.0.0/0')
  if (lists.length > 0 && !admitsAll)
    return fine(check, `The event socket ${where}, and admits the access list ${lists.join(', ')}.`)
  return warning(
    check,
    `The event socket ${where}, beyond loopback, ${
      admitsAll ? `and its access list ${lists.join(', ')} admits everybody` : 'and no access list is seen'
    }; password and commands go over the network in the clear.`,
    'Let it listen on 127.0.0.1 and run the agent beside the switch, or name our addresses in apply-inbound-acl and keep others out with a firewall.',
  )
}
