// The dialplan applications that a channel is told to run through its own event socket (channelConnection.ts). Each is
// a pure function from allow-listed values to a name and an argument. FreeSWITCH expands `${…}` in an argument, API
// calls included, so a caller's or an app's text comes into an argument only through allow.ts.
import { assert } from '../base/result.ts'
import type { VariableText } from './allow.ts'

declare const brand: unique symbol

/** One application of mod_dptools with its argument. */
export interface ChannelApplication {
  readonly name: string
  readonly argument?: string
  readonly [brand]: true
}

// ring_ready
/** The caller hears ringing (180) from now on, if the channel was not answered. */
export const ringReady = (): ChannelApplication => applicationOf('ring_ready')

// set <name>=<value>
/** Sets a variable of the channel, for the actions of the dialplan that follow.
 *  @throws when the name is none: names are our own. */
export function setVariable(name: string, value: VariableText): ChannelApplication {
  assert(/^[a-z][a-z0-9_]{0,63}$/.test(name), 'a variable has a plain name')
  assert(/^[A-Za-z0-9_.:@+-]{1,128}$/.test(value), 'a variable holds nothing that expands')
  return applicationOf('set', `${name}=${value}`)
}

const applicationOf = (name: string, argument?: string): ChannelApplication =>
  (argument === undefined ? { name } : { name, argument }) as ChannelApplication
