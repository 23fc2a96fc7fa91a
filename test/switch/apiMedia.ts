// API commands about what legs hear: files played, files tapped in, keys pressed.

import { type ApiCommand, NO_CHANNEL, needing, onChannel } from './apiContext.ts'
import { pressKeys } from './eavesdrop.ts'
import { breakPlayback, broadcast, displace, stopDisplace } from './playback.ts'
import { secondsUntil } from './timers.ts'

const NO_SESSION = '-ERR Cannot locate session!\n'
const BROADCAST_USAGE = '<uuid> <path> [aleg|bleg|holdb|both]'
const DISPLACE_USAGE = '<uuid> [start|stop] <path> [<limit>] [mux]'

export const MEDIA_COMMANDS: Record<string, ApiCommand> = {
  // Says that the message was sent, not that the file exists: only EXECUTE_COMPLETE tells.
  uuid_broadcast: needing(
    2,
    BROADCAST_USAGE,
    onChannel((leg, { exchange, args }) => {
      const [, path = '', legs = 'aleg'] = args
      broadcast(exchange, leg, path.replace(/^playback::/, ''), hearersOf(legs))
      return '+OK Message sent\n'
    }, '-ERR invalid uuid\n'),
  ),

  sched_broadcast: ({ exchange, args }) => {
    const [when, uuid = '', path, legs = 'aleg'] = args
    if (when === undefined || path === undefined) return `-USAGE: [[+]<time>|@time] ${BROADCAST_USAGE}\n`
    exchange.timers.seconds(secondsUntil(when, exchange.nowMs()), () => {
      const leg = exchange.find(uuid)
      if (leg) broadcast(exchange, leg, path, hearersOf(legs))
    })
    // For anything at all, also for a leg that never was.
    return '+OK Message scheduled\n'
  },

  uuid_break: ({ exchange, rest }) => {
    if (rest === '') return '-USAGE: <uuid> [all]\n'
    const [uuid = '', ...flags] = rest.split(' ')
    const leg = exchange.find(uuid)
    if (!leg) return NO_CHANNEL
    const all = flags.some(flag => flag.includes('all'))
    const partner = flags.some(flag => flag.includes('both')) ? leg.bridge?.other(leg) : undefined
    exchange.timers.soon(() => {
      breakPlayback(leg, all)
      if (partner) breakPlayback(partner, all)
    })
    return '+OK\n'
  },

  uuid_displace: needing(
    3,
    DISPLACE_USAGE,
    onChannel((leg, { exchange, args }) => {
      const [, action, path = '', limit = '0', flags = ''] = args
      if (action === 'start') {
        const isStarted = displace(exchange, leg, { path, limitSeconds: Number(limit) || 0, flags })
        return isStarted ? '+OK Success\n' : '-ERR Cannot displace session!\n'
      }
      if (action !== 'stop') return `-USAGE: ${DISPLACE_USAGE}\n`
      return stopDisplace(exchange, leg, path) ? '+OK Success\n' : '-ERR Cannot stop displace session!\n'
    }, NO_SESSION),
  ),

  uuid_buglist: onChannel(leg => {
    const bugs = leg.bugs.map(bug => {
      const [name, target] =
        bug.kind === 'displace' ? ['displace', bug.path] : ['eavesdrop', bug.supervisor.uuid]
      return (
        ` <media-bug>\n  <function>${name}</function>\n  <target>${target}</target>\n` +
        '  <thread-locked>0</thread-locked>\n </media-bug>\n'
      )
    })
    return `<media-bugs>\n${bugs.join('')}</media-bugs>\n`
  }),

  uuid_recv_dtmf: needing(
    2,
    '<uuid> <dtmf_data>',
    onChannel((leg, { exchange, args }) => {
      const [uuid, digits = ''] = args
      pressKeys(exchange, leg, digits)
      return `+OK ${uuid} received DTMF ${digits}.\n`
    }, NO_SESSION),
  ),

  file_exists: ({ exchange, rest }) => String(exchange.plant.files.has(rest)),

  // Says +OK for any command, also for one about a leg that is gone.
  sched_api: ({ exchange, args, rest, run }) => {
    if (args.length < 3) return '-USAGE: [+@]<time> <group_name> <command_string>\n'
    const text = rest.split(' ').slice(2).join(' ')
    exchange.timers.seconds(secondsUntil(args[0]!.replace('@', ''), exchange.nowMs()), () => run(text))
    exchange.scheduledTasks += 1
    return `+OK Added: ${exchange.scheduledTasks}\n`
  },
}

function hearersOf(legs: string): { a: boolean; b: boolean } {
  const both = legs.includes('both')
  return { a: both || legs.includes('aleg'), b: both || legs.includes('bleg') }
}
