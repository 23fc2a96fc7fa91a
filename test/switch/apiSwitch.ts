// API commands about the switch itself: how it is, what it carries, its gateways, its names.

import type { ApiCommand } from './apiContext.ts'
import type { Exchange } from './exchange.ts'
import { XML_HEAD } from './registrations.ts'
import { show } from './show.ts'

const VERSION = '1.10.12-release+git~20240802T210227Z~a88d069d6f~64bit'

export const SWITCH_COMMANDS: Record<string, ApiCommand> = {
  status: ({ exchange }) => status(exchange),
  version: ({ args }) =>
    args[0] === 'short'
      ? '1.10.12\n'
      : `FreeSWITCH Version ${VERSION} (git a88d069 2024-08-02 21:02:27Z 64bit)\n`,
  uptime: ({ exchange }) => `${Math.floor(uptimeMs(exchange) / 1_000)}\n`,
  hostname: ({ exchange }) => exchange.settings.hostname,
  create_uuid: ({ exchange }) => exchange.settings.newUuid(),
  reloadxml: () => '+OK [Success]\n',
  module_exists: ({ exchange, args }) => String(exchange.settings.modules.includes(args[0] ?? '')),
  strepoch: ({ exchange }) => String(Math.floor(exchange.settings.clock() / 1_000)),
  xml_locate: ({ exchange, rest }) =>
    rest === 'configuration configuration name event_socket.conf'
      ? eventSocketConf(exchange)
      : "can't find that\n",

  // Knows the core's id, which is what clients ask for, and nothing else.
  // biome-ignore lint/suspicious/noTemplateCurlyInString: FreeSWITCH's own syntax, not ours
  eval: ({ exchange, rest }) => rest.replaceAll('${core_uuid}', exchange.coreUuid),
  global_getvar: ({ exchange, rest }) =>
    ({
      core_uuid: exchange.coreUuid,
      hostname: exchange.settings.hostname,
      switchname: exchange.settings.hostname,
    })[rest.trim()] ?? '',

  show: ({ exchange, call, args }) => {
    const { showChannelsDelayMs } = exchange.misbehaviour
    if (showChannelsDelayMs === 0) return show(exchange, args)
    exchange.timers.after(showChannelsDelayMs, () => call.done(show(exchange, args)))
    return undefined
  },

  sofia_contact: ({ exchange, rest }) => exchange.registrations.contactsOf(rest),

  sofia: ({ exchange, args }) => sofia(exchange, args),

  fsctl: ({ exchange, args }) =>
    args[0] === 'pause_check' ? String(exchange.misbehaviour.isPaused) : '+OK\n',
}

const uptimeMs = (exchange: Exchange): number => exchange.nowMs() - exchange.startedAtMs

/** `0 years, 0 days, 0 hours, 3 minutes, 9 seconds, 187 milliseconds, 150 microseconds` */
function uptimeText(exchange: Exchange): string {
  const ms = uptimeMs(exchange)
  const [seconds, minutes, hours, days] = [ms / 1_000, ms / 60_000, ms / 3_600_000, ms / 86_400_000].map(
    Math.floor,
  )
  return (
    `0 years, ${days} day${days === 1 ? '' : 's'}, ${hours! % 24} hour${hours! % 24 === 1 ? '' : 's'}, ` +
    `${minutes! % 60} minute${minutes! % 60 === 1 ? '' : 's'}, ${seconds! % 60} second${seconds! % 60 === 1 ? '' : 's'}, ` +
    `${ms % 1_000} milliseconds, 0 microseconds`
  )
}

function status(exchange: Exchange): string {
  const { channels, channelsSinceStart, channelsPeak } = exchange
  return (
    `UP ${uptimeText(exchange)}\n` +
    'FreeSWITCH (Version 1.10.12-release git a88d069 2024-08-02 21:02:27Z 64bit) is ready\n' +
    `${channelsSinceStart} session(s) since startup\n` +
    `${channels.size} session(s) - peak ${channelsPeak}, last 5min ${channelsPeak} \n` +
    `0 session(s) per Sec out of max ${exchange.settings.sessionsPerSecondMax}, peak ${channelsPeak}, last 5min ${channelsPeak} \n` +
    `${exchange.settings.sessionsMax} session(s) max\nmin idle cpu 0.00/98.50\nCurrent Stack Size/Max 240K/8192K\n`
  )
}

/** The HEARTBEAT event's headers. */
export function heartbeat(exchange: Exchange): string[] {
  const { channels, channelsSinceStart, channelsPeak } = exchange
  return [
    ...['Event-Info', 'System Ready', 'Up-Time', uptimeText(exchange), 'FreeSWITCH-Version', VERSION],
    ...['Uptime-msec', String(uptimeMs(exchange)), 'Session-Count', String(channels.size)],
    ...['Max-Sessions', '5000', 'Session-Per-Sec', '1000', 'Session-Per-Sec-Last', '0'],
    ...['Session-Per-Sec-Max', String(channelsPeak), 'Session-Per-Sec-FiveMin', String(channelsPeak)],
    ...['Session-Since-Startup', String(channelsSinceStart), 'Session-Peak-Max', String(channelsPeak)],
    ...['Session-Peak-FiveMin', String(channelsPeak), 'Idle-CPU', '98.500000'],
  ]
}

function sofia(exchange: Exchange, args: string[]): string {
  const [verb, what, name = ''] = args
  if (verb === 'profile') {
    if (args[2] === 'rescan') return 'Reload XML [Success]\n+OK scan complete\n'
    if (args[2] === 'killgw') return '+OK gateway marked for deletion.\n'
    return '+OK\n'
  }
  if ((verb === 'status' || verb === 'xmlstatus') && what === 'gateway') {
    const state = exchange.plant.gateways.get(name)
    if (!state) return 'Invalid Gateway!\n'
    return (verb === 'status' ? gatewayText : gatewayXml)(name, state === 'down' ? 'DOWN' : 'UP')
  }
  if (verb === 'xmlstatus') return xmlStatus(exchange, args)
  if (verb === 'status' && what === 'profile' && !exchange.settings.profiles.includes(name))
    return 'Invalid Profile!\n'
  return verb === 'status' ? profilesText(exchange) : '-USAGE: sofia status|xmlstatus|profile\n'
}

/** The phones of the profile `internal`, which is there for them alone: they register nowhere else. */
function xmlStatus(exchange: Exchange, [, what, name = '', view]: string[]): string {
  const profiles = new Set([...exchange.settings.profiles, 'internal'])
  if (what === 'profile' && view === 'reg') {
    if (!profiles.has(name)) return 'Invalid Profile!\n'
    if (name === 'internal') return exchange.registrations.status(exchange)
    return `${XML_HEAD}<profile>\n  <registrations>\n  </registrations>\n</profile>\n`
  }
  const row = (kind: string, rowName: string, data: string, state: string): string =>
    `<${kind}>\n<name>${rowName}</name>\n<type>${kind}</type>\n<data>${data}</data>\n<state>${state}</state>\n</${kind}>\n`
  const rows = [...profiles].map(each => row('profile', each, 'sip:mod_sofia@127.0.0.1:5080', 'RUNNING (0)'))
  const gateways = [...exchange.plant.gateways.keys()].map(each =>
    row('gateway', each, 'sip:talk_call@127.0.0.1:5090', 'NOREG'),
  )
  return `${XML_HEAD}<profiles>\n${rows.join('')}${row('alias', '127.0.0.1', 'external', 'ALIASED')}${gateways.join('\n')}\n</profiles>\n`
}

/** As FreeSWITCH prints a part of its configuration. */
function eventSocketConf({ settings }: Exchange): string {
  const { listenIp, acl } = settings.eventSocket
  const params = [
    ['listen-ip', listenIp],
    ['listen-port', '8021'],
    ['password', settings.password],
    ...acl.map(list => ['apply-inbound-acl', list]),
  ]
  const lines = params.map(([name, value]) => `      <param name="${name}" value="${value}"></param>\n`)
  return `<configuration name="event_socket.conf">\n  <settings>\n${lines.join('')}  </settings>\n</configuration>\n`
}

const BAR = `${'='.repeat(97)}\n`

function gatewayText(name: string, status: string): string {
  const lines: [string, string][] = [
    ['Name    ', name],
    ['Profile ', 'external'],
    ['Scheme  ', 'Digest'],
    ['Realm   ', '127.0.0.1'],
    ['Username', 'talk_call'],
    ['Password', 'yes'],
    ['From    ', '<sip:talk_call@127.0.0.1>'],
    ['Contact ', `<sip:gw+${name}@127.0.0.1:5080;transport=udp;gw=${name}>`],
    ['Exten   ', 'talk_call'],
    ['To      ', 'sip:talk_call@127.0.0.1:5090'],
    ['Proxy   ', 'sip:127.0.0.1:5090'],
    ['Context ', 'public'],
    ['Expires ', '3600'],
    ['Freq    ', '3600'],
    ['Ping    ', '0'],
    ['PingFreq', '0'],
    ['PingTime', '0.00'],
    ['PingState', '0/0/0'],
    ['State   ', 'NOREG'],
    ['Status  ', status],
    ['Uptime  ', '192s'],
    ['CallsIN ', '0'],
    ['CallsOUT', '0'],
    ['FailedCallsIN', '0'],
    ['FailedCallsOUT', '0'],
  ]
  return `${BAR}${lines.map(([label, value]) => `${label}\t${value}\n`).join('')}${BAR}`
}

const gatewayXml = (name: string, status: string): string =>
  '<?xml version="1.0" encoding="ISO-8859-1"?>\n  <gateway>\n' +
  `    <name>${name}</name>\n    <profile>external</profile>\n    <state>NOREG</state>\n` +
  `    <status>${status}</status>\n  </gateway>\n`

function profilesText(exchange: Exchange): string {
  const row = (...cells: string[]): string => `${cells.join('\t')}\n`
  const gateways = [...exchange.plant.gateways.keys()].map(name =>
    row(`     external::${name}`, 'gateway', '            sip:talk_call@127.0.0.1', 'NOREG'),
  )
  return (
    row('                     Name', '   Type', '                                      Data', 'State') +
    BAR +
    row('                 external', 'profile', '          sip:mod_sofia@127.0.0.1:5080', 'RUNNING (0)') +
    gateways.join('') +
    `${BAR}1 profile 0 aliases\n\n`
  )
}
