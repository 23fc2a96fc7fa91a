// The phone of the account 1000. It registers at the switch with its push token in the Contact (RFC 8599), and falls asleep:
// the switch keeps its contact, and nobody answers there. A push wakes it; it registers again, and answers when it is rung.
// After its call it sleeps again. It knows nothing of hookswitch but the push.

import type { PushPayload } from '../../src/push/push.ts'
import type { RecordEntry } from '../../test/switch/records.ts'
import type { TestSwitch } from '../../test/switch/testSwitch.ts'
import { PROJECT } from './stage.ts'
import { CAST } from './story.ts'

/** How long it talks with somebody who does not hang up. */
const TALK_MS = 20_000

const TOKEN = 'push-token-of-1000'
const CONTACT = `sip:${CAST.sleeper}@192.0.2.7:5060;transport=tcp;pn-provider=fcm;pn-param=${PROJECT};pn-prid=${TOKEN}`

export interface Sleeper {
  /** Whether a push with this token is its own. */
  isPushedBy(token: string): boolean
  /** A push has arrived. */
  hear(payload: PushPayload): Promise<void>
  /** Something happened at its switch. */
  see(entry: RecordEntry): void
  /** Registers, and falls asleep. */
  begin(testSwitch: TestSwitch): void
}

/** @param wakesAfterMs from the push to its REGISTER, and from ringing to the answer. */
export function createSleeper(wakesAfterMs: number): Sleeper {
  let testSwitch: TestSwitch | undefined
  const register = () => testSwitch?.register({ user: CAST.sleeper, uri: CONTACT })
  const sleep = () => testSwitch?.phone(CONTACT, { kind: 'unavailable' })
  return {
    begin(at) {
      testSwitch = at
      register()
      sleep()
    },
    isPushedBy: token => token === TOKEN,
    async hear({ type }) {
      if (type !== 'call') return
      await Bun.sleep(wakesAfterMs)
      testSwitch?.phone(CONTACT, { kind: 'answer', afterMs: wakesAfterMs, hangupAfterMs: TALK_MS })
      register()
    },
    see(entry) {
      if (entry.kind === 'hangup' && entry.destination === CONTACT) sleep()
    },
  }
}
