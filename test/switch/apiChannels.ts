// API commands about legs: whether they are there, their variables, their end, and what joins and parts them.

import { causeNamed } from './accounting.ts'
import { type ApiCommand, NO_CHANNEL, needing, onChannel } from './apiContext.ts'
import type { Channel } from './channel.ts'
import { channelEvent } from './channelEvents.ts'
import { runApplication, runExtension } from './dialplan.ts'
import { toJson, toPlain } from './events.ts'
import { hangup } from './hangups.ts'
import { noteHazard } from './injections.ts'
import { originate } from './originate.ts'
import { leaveApplication, park } from './parking.ts'
import { breakPlayback } from './playback.ts'
import { secondsUntil } from './timers.ts'
import { uuidBridge } from './uuidBridge.ts'

export const CHANNEL_COMMANDS: Record<string, ApiCommand> = {
  originate: ({ exchange, call, rest }) => {
    const { connection, jobUuid, done } = call
    originate(exchange, { line: rest, connection, jobUuid, done })
    return undefined
  },

  uuid_exists: ({ exchange, rest }) => String(exchange.find(rest.trim()) !== undefined),

  uuid_dump: needing(
    1,
    '<uuid> [format]',
    onChannel((leg, { exchange, args }) => {
      const event = channelEvent(exchange, 'CHANNEL_DATA', leg)
      return args[1]?.toLowerCase() === 'json' ? toJson(event.headers()) : toPlain(event.headers())
    }),
  ),

  uuid_getvar: needing(
    2,
    '<uuid> <var>',
    onChannel((leg, { args }) => leg.variables.text(args[1]!) ?? '_undef_'),
  ),

  uuid_setvar: needing(
    2,
    '<uuid> <var> [value]',
    onChannel((leg, { args }) => {
      leg.variables.set(args[1]!, args[2])
      return '+OK\n'
    }),
  ),

  uuid_kill: ({ exchange, rest }) => {
    if (rest === '') return '-USAGE: <uuid> [cause]\n'
    const [uuid = '', ...cause] = rest.split(' ')
    const leg = exchange.find(uuid)
    if (!leg) return NO_CHANNEL
    hangup(exchange, leg, { cause: causeNamed(cause.join(' ') || 'NORMAL_CLEARING'), by: 'command' })
    return '+OK\n'
  },

  sched_hangup: ({ exchange, args }) => {
    const [when, uuid = '', cause = 'ALLOTTED_TIMEOUT'] = args
    if (when === undefined) return '-USAGE: [+]<time> <uuid> [<cause>]\n'
    const leg = exchange.find(uuid)
    if (!leg) return NO_CHANNEL
    const end = (): boolean => hangup(exchange, leg, { cause: causeNamed(cause), by: 'command' })
    const seconds = secondsUntil(when, exchange.nowMs())
    // At zero seconds it does not wait for the scheduler.
    if (seconds === 0) end()
    else exchange.timers.seconds(seconds, end)
    return '+OK\n'
  },

  hupall: ({ exchange, args }) => {
    const [named, variable, value] = args
    const cause = named === undefined ? 'MANAGER_REQUEST' : causeNamed(named)
    const isMeant = (leg: Channel): boolean =>
      variable === undefined || leg.variables.text(variable) === value
    for (const leg of exchange.channels.values())
      if (isMeant(leg)) hangup(exchange, leg, { cause, by: 'command' })
    if (variable === undefined) return `+OK hangup all channels with cause ${cause}\n`
    return `+OK hangup all channels matching [${variable}]=[${value}] with cause: ${cause}\n`
  },

  uuid_bridge: needing(2, '<uuid> <other_uuid>', ({ exchange, args }) => {
    const [first = '', second = ''] = args
    return uuidBridge(exchange, first, second) ? `+OK ${second}\n` : '-ERR Invalid uuid\n'
  }),

  uuid_park: onChannel((leg, { exchange }) => {
    exchange.timers.soon(() => {
      if (leg.isEnding) return
      leg.bridge?.release(leg)
      leaveApplication(exchange, leg)
      park(exchange, leg)
    })
    return '+OK\n'
  }),

  uuid_transfer: needing(
    2,
    '<uuid> [-bleg|-both] <dest-exten> [<dialplan>] [<context>]',
    onChannel((leg, { exchange, call, args }) => {
      const [, named = '', dialplan] = args
      // `m:<mark>:` names what stands between applications; one alone has none.
      const target = named.replace(/^m:.:/, '')
      exchange.timers.soon(() => {
        if (leg.isEnding) return
        leg.bridge?.release(leg)
        breakPlayback(leg, true)
        leaveApplication(exchange, leg)
        if (dialplan !== 'inline') return runExtension(exchange, leg, target)
        const colon = target.indexOf(':')
        const name = colon < 0 ? target : target.slice(0, colon)
        const data = colon < 0 ? '' : target.slice(colon + 1)
        runApplication(exchange, leg, { name, data }, hazard =>
          noteHazard(exchange.plant, call.connection, hazard),
        )
      })
      return '+OK\n'
    }),
  ),
}
