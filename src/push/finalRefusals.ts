// The refusals of a push that nothing can mend while its call waits. A device that is refused so is pushed no more; when it
// was the account's last one, the PBX has its answer at once. Sources: Apple, "Handling notification responses from APNs";
// Google, "FCM error codes". After any other refusal the next attempt may succeed: an access token is renewed, a proxy's
// answer was broken, or APPS_FILE is put right meanwhile, which is read again.

const APPLE: ReadonlySet<string> = new Set([
  'BadDeviceToken',
  'DeviceTokenNotForTopic',
  // `apns.ts` has renewed the provider token once before it reports this.
  'InvalidProviderToken',
])

/** firebase-admin says `mismatched-credential` for both of Google's words. */
const GOOGLE = /\b(?:SENDER_ID_MISMATCH|PERMISSION_DENIED|mismatched-credential)\b/

/** @param reason of a push that was refused. */
export const isFinalRefusal = (reason: string): boolean => APPLE.has(reason) || GOOGLE.test(reason)
