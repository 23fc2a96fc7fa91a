// An extension of the dialplan: its applications, one after the other. Known are those that wake a phone and ring it: `set`,
// `socket` (the outbound event socket: somebody else holds the channel until they let it go) and `bridge`, which is the last.
// `user/<account>` in a bridge is every contact with which the account is registered, as FreeSWITCH takes it.

import { type DialplanChannel, openChannel } from '../dialplan/channel.ts'
import { fireExecute, fireExecuteComplete } from './applications.ts'
import { runBridge } from './bridges.ts'
import type { Channel } from './channel.ts'
import type { Exchange } from './exchange.ts'
import { hangup } from './hangups.ts'

export function runExtensionOf(exchange: Exchange, leg: Channel, applications: readonly string[]): void {
  leg.enter('CS_EXECUTE')
  leg.isInDialplan = true
  void (async () => {
    for (const application of applications) {
      if (leg.isEnding) return
      const blank = application.indexOf(' ')
      const [name, data] = [application.slice(0, blank), application.slice(blank + 1)]
      note(exchange, leg, application, 'dialplan')
      if (name === 'bridge') return runBridge(exchange, leg, contactsFor(exchange, data), () => undefined)
      const running = fireExecute(exchange, leg, name, data)
      leg.application = running
      if (name === 'set') setVariable(leg, data)
      else if (name === 'socket') await holdBySocket(exchange, leg, data)
      else return void hangup(exchange, leg, { cause: 'DESTINATION_OUT_OF_ORDER', by: 'switch' })
      if (leg.isEnding) return
      leg.application = undefined
      fireExecuteComplete(exchange, leg, running)
    }
    hangup(exchange, leg, { cause: 'NORMAL_CLEARING', by: 'switch' })
  })()
}

/** Resolves when the dialplan goes on: let go, left alone, or nobody listens there. */
async function holdBySocket(exchange: Exchange, leg: Channel, data: string): Promise<void> {
  const port = Number(/^127\.0\.0\.1:(\d+) async full$/.exec(data)?.[1])
  let channel: DialplanChannel
  try {
    channel = await openChannel(port, {
      uuid: leg.uuid,
      headers: {
        'Caller-Caller-ID-Name': leg.profile.callerIdName,
        'Caller-Caller-ID-Number': leg.profile.callerIdNumber,
        variable_hookswitch_account: leg.variables.text('hookswitch_account') ?? '',
      },
      onExecute(application) {
        note(exchange, leg, application, 'socket')
        if (application === 'ring_ready') leg.callState = 'RINGING'
        if (application.startsWith('set ')) setVariable(leg, application.slice('set '.length))
      },
    })
  } catch {
    return
  }
  if (leg.isEnding) return channel.hangUp()
  const hangUp = () => channel.hangUp()
  leg.stops.push(hangUp)
  await channel.wentOn
  if (!leg.isEnding) leg.stops.splice(leg.stops.indexOf(hangUp), 1)
}

/** Each contact gets a channel of its own. Nobody registered: `user/…` stays, and fails as such. */
const contactsFor = (exchange: Exchange, data: string): string =>
  data.replace(/^user\/(\S+)$/, (user, account: string) => {
    const contacts = exchange.registrations.contactsOf(account).trim()
    if (contacts.startsWith('error/')) return user
    return contacts
      .split(',')
      .map(contact => `[origination_uuid=${exchange.settings.newUuid()}]${contact}`)
      .join(',')
  })

function setVariable(leg: Channel, assignment: string): void {
  const equals = assignment.indexOf('=')
  leg.variables.set(assignment.slice(0, equals), assignment.slice(equals + 1))
}

const note = (exchange: Exchange, leg: Channel, application: string, by: 'dialplan' | 'socket'): void =>
  exchange.plant.records.add({ kind: 'execute', destination: leg.destination, application, by })
