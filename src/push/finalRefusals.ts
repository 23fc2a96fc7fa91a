// Which refusals of a push nothing mends that can happen while its call waits: the device is counted out, and a PBX whose
// last device it was need not wait for a deadline. Sources: Apple, "Handling notification responses from APNs"; Google,
// "FCM error codes". Others may be the next attempt's luck: an access token that is renewed, a proxy's broken answer, a
// topic or an app that is put right in APPS_FILE, which is read again meanwhile.

const APPLE: ReadonlySet<string> = new Set([
  'BadDeviceToken',
  'DeviceTokenNotForTopic',
  // It has been renewed once by then (`apns.ts`).
  'InvalidProviderToken',
])

/** firebase-admin says `mismatched-credential` for both of Google's words. */
const GOOGLE = /\b(?:SENDER_ID_MISMATCH|PERMISSION_DENIED|mismatched-credential)\b/

/** @param reason of a push that was refused. */
export const isFinalRefusal = (reason: string): boolean => APPLE.has(reason) || GOOGLE.test(reason)
