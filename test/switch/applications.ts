// The two events around every application that a leg runs, and the variables that go with them. Which application
// does what is decided elsewhere.

import type { Application, Channel } from './channel.ts'
import { fireChannelEvent } from './channelEvents.ts'
import type { Headers } from './events.ts'
import type { Exchange } from './exchange.ts'

/** Begins an application: EXECUTE. Its end is fired with the same application. */
export function fireExecute(exchange: Exchange, leg: Channel, name: string, data: string): Application {
  const application: Application = { name, data, uuid: exchange.settings.newUuid() }
  leg.variables.set('current_application', name)
  leg.variables.set('current_application_data', data)
  leg.variables.delete('current_application_response')
  leg.lastApplication = application
  fireChannelEvent(exchange, 'CHANNEL_EXECUTE', leg, {
    last: [...named(application), 'Application-UUID', application.uuid],
  })
  leg.variables.set('current_application', name)
  return application
}

/** Ends it: EXECUTE_COMPLETE. The response is whatever stands in the variable, also one of an earlier application:
 *  `FILE NOT FOUND` sticks to the bridge that ends later. */
export function fireExecuteComplete(exchange: Exchange, leg: Channel, application: Application): void {
  const response = leg.variables.text('current_application_response') ?? '_none_'
  fireChannelEvent(exchange, 'CHANNEL_EXECUTE_COMPLETE', leg, {
    last: [...named(application), 'Application-Response', response, 'Application-UUID', application.uuid],
  })
}

const named = ({ name, data }: Application): Headers =>
  data === '' ? ['Application', name] : ['Application', name, 'Application-Data', data]
