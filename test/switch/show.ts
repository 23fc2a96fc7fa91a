// The `show` command: channels and calls as rows, in JSON, as a table, or counted. The rows carry no variables, and
// may lag behind, as the real one's database does.

import type { Channel } from './channel.ts'
import type { Exchange } from './exchange.ts'

type Row = Record<string, string>

/** @param args what follows `show`: the subject, then `count` and `as json` if wanted. */
export function show(exchange: Exchange, args: string[]): string {
  const [subject = ''] = args
  const rowsOf = SUBJECTS[subject]
  if (subject === 'registrations') return written(exchange.registrations.rows(exchange), args)
  if (!rowsOf) return '-USAGE: codec|endpoint|calls|channels\n'
  return written(rowsOf(channelsShown(exchange), exchange), args)
}

const SUBJECTS: Record<string, (legs: Channel[], exchange: Exchange) => Row[]> = {
  channels: (legs, exchange) => legs.map(leg => channelRow(leg, exchange)),
  calls: (legs, exchange) => talking(legs).map(leg => callRow(leg, exchange)),
  bridged_calls: (legs, exchange) => talking(legs).map(leg => callRow(leg, exchange)),
}

function written(rows: Row[], args: string[]): string {
  const isJson = args.join(' ').includes('as json')
  if (args.includes('count')) {
    return isJson ? JSON.stringify({ row_count: rows.length, rows: [] }) : `\n${rows.length} total.\n`
  }
  // Without rows there is no `rows` either, and a blank after the colon.
  if (isJson)
    return rows.length === 0 ? '{"row_count": 0}\n' : JSON.stringify({ row_count: rows.length, rows })
  const first = rows[0]
  if (!first) return '\n0 total.\n'
  const lines = [Object.keys(first).join(','), ...rows.map(row => Object.values(row).join(','))]
  return `${lines.join('\n')}\n\n${rows.length} total.\n`
}

/** The channels as they were some time ago, if the test wants `show` to lag. */
function channelsShown(exchange: Exchange): Channel[] {
  const lagMs = exchange.misbehaviour.showLagMs
  const living = [...exchange.channels.values()]
  if (lagMs === 0) return living
  const asOfMs = exchange.nowMs() - lagMs
  const wasThere = (leg: Channel): boolean => leg.profile.times.created <= asOfMs * 1_000
  return [...living, ...exchange.recentlyEnded].filter(wasThere)
}

const talking = (legs: Channel[]): Channel[] =>
  legs.filter(leg => leg.bridge?.isTalking && leg.bridge.a === leg)

const epoch = (micros: number): string => String(Math.floor(micros / 1_000_000))

function channelRow(leg: Channel, exchange: Exchange): Row {
  const { profile, application } = leg
  const codec = leg.profile.times.answered > 0
  return {
    ...whoAndWhere(leg, exchange),
    application: application?.name ?? '',
    application_data: application?.data ?? '',
    dialplan: '',
    context: 'default',
    read_codec: codec ? 'PCMU' : '',
    read_rate: codec ? '8000' : '',
    read_bit_rate: codec ? '64000' : '',
    write_codec: codec ? 'PCMU' : '',
    write_rate: codec ? '8000' : '',
    write_bit_rate: codec ? '64000' : '',
    secure: '',
    hostname: exchange.settings.hostname,
    ...presence(leg),
    ...callees(leg),
    call_uuid: leg.callUuid,
    ...sentCallees(leg),
    initial_cid_name: leg.other?.type === 'originator' ? profile.callerIdName : '',
    initial_cid_num: leg.other?.type === 'originator' ? profile.callerIdNumber : profile.origCallerIdNumber,
    initial_ip_addr: leg.other?.type === 'originator' ? profile.networkAddress : '',
    initial_dest: leg.destination,
    initial_dialplan: '',
    initial_context: 'default',
  }
}

function callRow(a: Channel, exchange: Exchange): Row {
  const b = a.bridge!.other(a)
  const prefixed = (row: Row): Row =>
    Object.fromEntries(Object.entries(row).map(([key, value]) => [`b_${key}`, value]))
  return {
    ...whoAndWhere(a, exchange),
    ...presence(a),
    ...callees(a),
    call_uuid: a.callUuid,
    hostname: exchange.settings.hostname,
    ...sentCallees(a),
    ...prefixed({ ...whoAndWhere(b, exchange), ...presence(b), ...callees(b), ...sentCallees(b) }),
    call_created_epoch: epoch(a.profile.times.bridged),
  }
}

function whoAndWhere(leg: Channel, exchange: Exchange): Row {
  const { profile } = leg
  return {
    uuid: leg.uuid,
    direction: 'outbound',
    created: exchange.dates(profile.times.created).local,
    created_epoch: epoch(profile.times.created),
    name: leg.name,
    state: leg.running,
    cid_name: profile.callerIdName,
    cid_num: profile.callerIdNumber,
    ip_addr: leg.other?.type === 'originator' ? profile.networkAddress : '',
    dest: leg.destination,
  }
}

const presence = (leg: Channel): Row => ({
  presence_id: '',
  presence_data: '',
  accountcode: leg.variables.text('accountcode') ?? '',
  callstate: leg.callState,
})

const callees = ({ profile, bridge }: Channel): Row => ({
  callee_name: profile.calleeIdName,
  callee_num: profile.calleeIdNumber,
  callee_direction: bridge?.isTalking ? 'SEND' : '',
})

const sentCallees = ({ variables }: Channel): Row => ({
  sent_callee_name: variables.text('last_sent_callee_id_name') ?? '',
  sent_callee_num: variables.text('last_sent_callee_id_number') ?? '',
})
