// Stands in for both vendors on a machine without APPS_FILE: every push becomes a line in the log. That is how a
// developer without keys answers a call by hand: the line's `response_api` is the URL the app would have posted to,
// and whoever has it can confirm that one call. With APPS_FILE none of this is ever logged.
import { type Log, mask } from '../base/log.ts'
import type { PushOutcome, PushSender } from './push.ts'

/** Accepts every push and logs it whole at level info, but for the device's push token and the people's names and
 *  numbers, which the log masks by its own settings. */
export function createLogSender(log: Log): PushSender {
  let pushes = 0
  return {
    async send(target, payload) {
      pushes++
      const accepted: PushOutcome = { kind: 'accepted', id: `log-${pushes}`, isLogged: true }
      if (!log.isLevelEnabled('info')) return accepted
      // `token` stands in `response_api` too. The log masks by these field names.
      const { type, token: _, phonenumber, caller_id: callerId, ...rest } = payload
      const { platform, app } = target
      const device = mask(target.token)
      log.info(
        { platform, app, device, phonenumber, callerId, ...rest },
        `no APPS_FILE: push '${type}' goes here`,
      )
      return accepted
    },
    async close() {},
  }
}
