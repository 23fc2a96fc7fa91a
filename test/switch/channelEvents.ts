// The headers of a channel's events, in the order of the recordings: the switch, the channel's state, the caller,
// the other leg, the variables, and what this event adds before or after. Small events leave out what no client of
// ours reads; their headers are a subsequence of the full ones.

import type { CallerProfile, Channel } from './channel.ts'
import { type Headers, SwitchEvent } from './events.ts'
import type { Exchange } from './exchange.ts'

interface Additions {
  /** Between the switch's headers and the channel's. */
  first?: Headers
  last?: Headers
  /** DTMF events carry no variables. */
  withoutVariables?: boolean
  origin?: readonly [file: string, fn: string, line: string]
}

/** Fires an event about a channel as it is now. */
export function fireChannelEvent(
  exchange: Exchange,
  name: string,
  channel: Channel,
  add: Additions = {},
): void {
  if (exchange.misbehaviour.loseHangups && name.startsWith('CHANNEL_HANGUP')) return
  exchange.fire(channelEvent(exchange, name, channel, add))
}

/** Also what `uuid_dump` shows, under the name CHANNEL_DATA. */
export function channelEvent(
  exchange: Exchange,
  name: string,
  channel: Channel,
  add: Additions = {},
): SwitchEvent {
  const start = exchange.eventStart(name, add.origin)
  return new SwitchEvent({
    name,
    ...(add.withoutVariables ? {} : { variables: channel.variables }),
    build: () => {
      const headers: Headers = start()
      if (add.first) headers.push(...add.first)
      pushState(headers, channel, exchange.settings.bulky)
      pushProfile(headers, 'Caller', channel.profile, exchange.settings.bulky)
      if (channel.other) pushOther(headers, channel.other, exchange.settings.bulky)
      if (!add.withoutVariables) {
        for (const [key, value] of channel.variables.entries()) headers.push(`variable_${key}`, value)
      }
      if (add.last) headers.push(...add.last)
      return headers
    },
  })
}

function pushState(headers: Headers, channel: Channel, isFull: boolean): void {
  headers.push('Channel-State', channel.running, 'Channel-Call-State', channel.callState)
  headers.push('Channel-State-Number', String(channel.stateNumber))
  headers.push('Channel-Name', channel.name, 'Unique-ID', channel.uuid)
  headers.push('Call-Direction', channel.profile.logicalDirection)
  if (isFull) {
    headers.push('Presence-Call-Direction', channel.profile.logicalDirection)
    headers.push('Channel-HIT-Dialplan', String(channel.isInDialplan))
  }
  headers.push('Channel-Call-UUID', channel.callUuid, 'Answer-State', channel.answerState)
  if (channel.hangupCause) headers.push('Hangup-Cause', channel.hangupCause)
  if (isFull && channel.variables.get('read_codec')) headers.push(...codecHeaders(channel))
}

// While a leg listens to another its read codec is raw, as seen in the recorded DTMF events.
function codecHeaders(channel: Channel): Headers {
  const [name, bits] = channel.eavesdropping ? ['L16', '128000'] : ['PCMU', '64000']
  return [
    ...[
      'Channel-Read-Codec-Name',
      name,
      'Channel-Read-Codec-Rate',
      '8000',
      'Channel-Read-Codec-Bit-Rate',
      bits,
    ],
    ...['Channel-Write-Codec-Name', 'PCMU', 'Channel-Write-Codec-Rate', '8000'],
    ...['Channel-Write-Codec-Bit-Rate', '64000'],
  ]
}

function pushProfile(
  headers: Headers,
  prefix: 'Caller' | 'Other-Leg',
  profile: CallerProfile,
  isFull: boolean,
): void {
  const push = (name: string, value: string): void => {
    if (value !== '') headers.push(`${prefix}-${name}`, value)
  }
  if (isFull) push('Direction', 'outbound')
  push('Logical-Direction', prefix === 'Caller' ? profile.logicalDirection : 'inbound')
  push('Caller-ID-Name', profile.callerIdName)
  push('Caller-ID-Number', profile.callerIdNumber)
  push('Orig-Caller-ID-Number', profile.origCallerIdNumber)
  push('Callee-ID-Name', profile.calleeIdName)
  push('Callee-ID-Number', profile.calleeIdNumber)
  push('Network-Addr', profile.networkAddress)
  if (isFull) push('ANI', profile.ani)
  push('Destination-Number', profile.destination)
  push('Unique-ID', profile.uuid)
  if (isFull) {
    push('Source', 'src/switch_ivr_originate.c')
    push('Transfer-Source', profile.transferSource)
    push('Context', 'default')
  }
  push('Channel-Name', profile.channelName)
  pushTimes(push, prefix, profile, isFull)
  if (isFull) {
    push('Screen-Bit', 'true')
    push('Privacy-Hide-Name', 'false')
    push('Privacy-Hide-Number', 'false')
  }
}

function pushTimes(
  push: (name: string, value: string) => void,
  prefix: 'Caller' | 'Other-Leg',
  { index, times }: CallerProfile,
  isFull: boolean,
): void {
  if (isFull) {
    if (prefix === 'Caller') push('Profile-Index', String(index))
    push('Profile-Created-Time', String(times.profileCreated))
  }
  push('Channel-Created-Time', String(times.created))
  push('Channel-Answered-Time', String(times.answered))
  if (isFull) {
    push('Channel-Progress-Time', String(times.progress))
    push('Channel-Progress-Media-Time', String(times.progressMedia))
  }
  push('Channel-Hangup-Time', String(times.hangup))
  if (isFull) {
    push('Channel-Transfer-Time', '0')
    push('Channel-Resurrect-Time', '0')
    push('Channel-Bridged-Time', String(times.bridged))
    push('Channel-Last-Hold', '0')
    push('Channel-Hold-Accum', '0')
  }
}

function pushOther(headers: Headers, other: NonNullable<Channel['other']>, isFull: boolean): void {
  headers.push('Other-Type', other.type)
  if (isFull) pushProfile(headers, 'Other-Leg', other.profile, true)
  else headers.push('Other-Leg-Unique-ID', other.profile.uuid)
}
