// The vocabulary of the push room: what is sent, to whom, and what became of it. The rooms beside it translate
// these into Apple's and Google's own words. Nothing here knows of calls, waits or Redis.

/** The three device routes of the public API. `gcm` is the old name of Google's service; both go through FCM. */
export const PLATFORMS = ['apns', 'gcm', 'android'] as const
export type Platform = (typeof PLATFORMS)[number]

/** One app install that can be reached: where a push goes. */
export interface PushTarget {
  platform: Platform
  /** The app's id as the app registered it (bundle id or package name). */
  app: string
  /** The vendor's push token. A secret: never in a log. */
  token: string
  /** Apple's token for alerts, where a `message` goes. A secret too. */
  alertToken?: string
  /** Registered with a development build: Apple's sandbox host. FCM has no such distinction. */
  isSandbox: boolean
}

/** The vendor behind a route. */
export type Vendor = 'apns' | 'fcm'
export const vendorOf = (platform: Platform): Vendor => (platform === 'apns' ? 'apns' : 'fcm')

/** Whether a vendor can carry a push of this type. PushKit knows no `cancel`: iOS kills an app that gets a VoIP push
 *  and reports no call, so an iPhone learns the verdict when it calls back. Ask before sending. */
export const carries = (vendor: Vendor, type: PushPayload['type']): boolean =>
  !(vendor === 'apns' && type === 'cancel')

/** What the app finds in the push, apart from the vendor's envelope. FCM turns every value into a string. */
export type PushPayload = { type: 'call' | 'message' | 'cancel' } & Record<string, string | number>

/** What became of one push. Sources: FCM HTTP v1 error codes; APNs "Handling notification responses". */
export type PushOutcome =
  /** `isLogged`: by our own log, in the vendor's place. */
  | { kind: 'accepted'; id: string; isLogged?: true }
  /** Forget the device, unless it registered again after `sinceMs` (APNs says when; else the time of sending). */
  | { kind: 'token-gone'; sinceMs: number }
  /** A passing fault of the vendor or the network; `afterMs` is the vendor's wish, or our backoff. */
  | { kind: 'retry-later'; afterMs: number; reason: string }
  /** Our fault or the app's settings: logged and counted, not retried at once. */
  | { kind: 'refused'; reason: string }

/** Sends to one vendor, or to the log. */
export interface PushSender {
  /** Sends once. Never rejects: every failure is an outcome. Ends with 'retry-later' when `signal` aborts. */
  send(target: PushTarget, payload: PushPayload, signal: AbortSignal): Promise<PushOutcome>
  close(): Promise<void>
}
