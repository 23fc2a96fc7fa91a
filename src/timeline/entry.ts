// The vocabulary of timelines: everything that a wake or a dialled call can have happen to it, one kind of entry
// each. Both halves write these; only `story.ts` turns them into sentences, when somebody reads. Entries are small on
// purpose: at ten thousand wakes a second each field costs time and memory.
import type { CommandOutcome } from '../esl/outcome.ts'
import type { Platform, PushOutcome } from '../push/push.ts'
import type { EndReason, Verdict } from '../redis/wakes/wakes.ts'

/** One thing that happened. Phone numbers, names and accounts stand in fields that `PERSONAL_FIELDS` lists. */
export type Entry = WakeEntry | DialEntry

/** Why a wake ended, as the PBX is told; and what only the record knows. */
export type WakeEnding = 'confirmed' | 'busy' | EndReason

/** A phone that a wake found registered. */
export interface FoundDevice {
  device: string
  platform: Platform
  /** It registered by SIP there, until then. */
  from?: string
  expiresAtMs?: number
}

/** `account` tells the phones of a ring group apart: the PBX sends one call id for several accounts. */
export type WakeEntry =
  /** A PBX asks for an account's phones, or an agent does. */
  | { what: 'request'; account: string; phonenumber: string; callerId: string; isJob?: true | undefined }
  /** It was turned away: too many wait already. */
  | { what: 'request-refused'; account: string; limit?: 'WAITS_MAX' | 'WAITS_PER_ACCOUNT' }
  /** It was a repeated one, and shares the wait that runs. */
  | { what: 'joined'; account: string }
  /** It was one repeated request too many: NAK `busy`. */
  | { what: 'join-refused'; account: string }
  /** `found` at the first attempt: the account's devices, as many of them as are named. Of a resend to one device by its own
   *  history: which, how long after its push before, and the time within which it usually answers. */
  | {
      what: 'push-sent'
      account: string
      attempt: number
      devices: number
      found?: FoundDevice[]
      device?: string
      platform?: Platform
      afterMs?: number
      usualMs?: number
    }
  /** Apple's or Google's answer. */
  | {
      what: 'push-answered'
      account: string
      attempt: number
      device: string
      platform: Platform
      outcome: PushOutcome['kind']
      /** Accepted by our own log: no APPS_FILE. */
      isLogged?: true
      reason?: string
      tookMs: number
    }
  | { what: 'device-forgotten'; account: string; device: string; platform: Platform }
  /** `isLowered`: its push arrived with less than high priority, it says. */
  | {
      what: 'app-answered'
      account: string
      device: string
      isAvailable: boolean
      verdict: Verdict
      isLowered?: true
    }
  /** A phone that was pushed registered by SIP. `afterMs`: since its first push. */
  | { what: 'registered'; account: string; device: string; from: string; verdict: Verdict; afterMs: number }
  /** The app says why it did not take the call. */
  | { what: 'app-explained'; account: string; reason: string }
  /** The app's own statistics of the call, the telling ones. */
  | { what: 'app-reported'; account: string; said: string }
  | { what: 'call-ended'; reason: string }
  /** What the PBX was told. `roundTripMs`: from the first push to the confirmation. */
  | {
      what: 'outcome'
      account: string
      status: 'ACK' | 'NAK'
      reason: WakeEnding
      waitedMs: number
      device?: string
      roundTripMs?: number
      /** An agent was told. */
      isJob?: true
    }

export type DialEntry =
  | {
      what: 'job-taken'
      kind: string
      list: string
      switch: string
      account: string
      /** Whom the A-leg and the B-leg call; a bot call has an A-leg alone. */
      callerNumber: string
      calleeNumber?: string
      queuedForMs?: number
    }
  | { what: 'job-refused'; cause: string; isDeadLettered: boolean; isOther: boolean }
  /** It lies at the head of its list again: it could not be dialled now, or `from` died before it dialled it. */
  | { what: 'job-returned'; from?: string }
  /** Its dial id is claimed, its state written; now the switch is told. */
  | { what: 'originate'; side: string; gateway?: string }
  /** How the wake of a side's phones stands, as the call's channel is told. */
  | { what: 'wake'; side: string; state: 'pushed' | 'confirmed' | 'failed'; reason?: string }
  /** The phones are awake (or the number beside the account is called): so many ring. */
  | { what: 'rings-account'; side: string; phones: number }
  /** Contacts of the account that are not rung: by which the switch might dial something else, and eldest ones of many. */
  | { what: 'contacts-left-out'; side: string; unsafe: number; older: number }
  /** What the switch says to the order itself; whether a phone rings is another matter. */
  | { what: 'originate-answered'; outcome: CommandOutcome['kind']; text?: string }
  | { what: 'leg'; side: string; state: 'ringing' | 'answered' }
  | { what: 'hangup'; side: string; cause: string; wasAnswered: boolean }
  | { what: 'bridge'; with?: string }
  | { what: 'barger'; barger: string; state: 'ringing' | 'answered' | 'ended'; cause?: string }
  /** Somebody made the call, or gave it a command, by the internal API. `tokenName`: whose token it was, where one is
   *  asked for. */
  | { what: 'ordered'; event: string; client: string; tokenName?: string; commandId?: string }
  /** A control message was heard. */
  | { what: 'control'; event: string; commandId?: string | number }
  | {
      what: 'control-answered'
      event: string
      commandId?: string | number
      isObeyed: boolean
      cause?: string
      tookMs?: number
    }
  | { what: 'switch-lost' }
  | { what: 'switch-back' }
  | { what: 'taken-over'; from: string; isHandedOver: boolean }
  /** This agent stops; `to` goes on with the call. */
  | { what: 'handed-over'; to: string }
  /** Somebody else owns it now: this agent leaves it alone. */
  | { what: 'left-alone' }
  /** The call will not be, or nobody knows what became of it. */
  | { what: 'failure'; cause: string }
  | { what: 'dead-letter'; cause: string }
  /** It was given up, and its phone rang after all: it is hung up. */
  | { what: 'rang-late' }
  | { what: 'over' }

/** An entry as it is kept: who wrote it, when (ms since the epoch), and its number there, which tells one that was
 *  written twice from two that are alike. */
export type KeptEntry = Entry & { atMs: number; by: string; n: number }

/** Fields that hold a phone number, a caller's name or an account, by kind: masked unless the settings show them. */
export const PERSONAL_FIELDS: { readonly [What in Entry['what']]?: readonly string[] } = {
  request: ['account', 'phonenumber', 'callerId'],
  'request-refused': ['account'],
  joined: ['account'],
  'join-refused': ['account'],
  'push-sent': ['account'],
  'push-answered': ['account'],
  'device-forgotten': ['account'],
  'app-answered': ['account'],
  registered: ['account'],
  'app-explained': ['account'],
  'app-reported': ['account'],
  outcome: ['account'],
  'job-taken': ['account', 'callerNumber', 'calleeNumber'],
}

/** Fields with a text of somebody else's (an app, a vendor, the switch, whoever publishes), in which a number may stand. */
export const FREE_TEXT_FIELDS: { readonly [What in Entry['what']]?: readonly string[] } = {
  'push-answered': ['reason'],
  'app-explained': ['reason'],
  'app-reported': ['said'],
  'job-refused': ['cause'],
  'originate-answered': ['text'],
  hangup: ['cause'],
  barger: ['cause'],
  control: ['event'],
  'control-answered': ['event', 'cause'],
  failure: ['cause'],
  'dead-letter': ['cause'],
}

/** Devices that an entry names; an account may have a hundred. */
export const FOUND_DEVICES_MAX = 10
