// What Apple's and Google's words about a push mean to the person on duty, and where to look. Sources: Apple, "Handling
// notification responses from APNs"; Google, "FCM error codes". Words that are not here are shown as they came.
import type { Platform } from '../push/push.ts'

/** Whose answer it is, as people say it. */
export const vendorName = (platform: Platform): string => (platform === 'apns' ? 'Apple' : 'Google')

/** A phone by its route. */
export const phoneName = (platform: Platform): string => (platform === 'apns' ? 'iPhone' : 'Android phone')

/** @param reason the vendor's word, or a sentence with Google's code in it. @returns undefined for an unknown one. */
export function explainRefusal(reason: string): string | undefined {
  if (Object.hasOwn(APPLE, reason)) return APPLE[reason]
  return GOOGLE.find(([pattern]) => pattern.test(reason))?.[1]
}

const PROVIDER_TOKEN =
  "Apple does not accept our signature. Look at teamId, keyId and keyFile in APPS_FILE, and at this machine's clock."

const APPLE: Record<string, string> = {
  BadDeviceToken:
    'the push token belongs to the other environment (development or production), or is no token at all. The app must register with `sandbox` as it was built.',
  DeviceTokenNotForTopic:
    'the push token belongs to another app than `topic` in APPS_FILE says. A VoIP topic ends in .voip.',
  TopicDisallowed: 'the key in APPS_FILE may not push to this app. Look at `topic`, and at the key at Apple.',
  BadTopic: '`topic` in APPS_FILE is no topic of this key.',
  MissingTopic: '`topic` in APPS_FILE is missing.',
  Unregistered: 'the app was removed from the phone, or its token replaced. The app must register again.',
  ExpiredToken: 'the push token has run out. The app must register again.',
  BadCertificate: 'Apple does not accept the certificate.',
  BadCertificateEnvironment: 'the certificate is for the other environment (development or production).',
  ExpiredProviderToken: PROVIDER_TOKEN,
  InvalidProviderToken: PROVIDER_TOKEN,
  MissingProviderToken: PROVIDER_TOKEN,
  Forbidden: PROVIDER_TOKEN,
  TooManyProviderTokenUpdates: 'the same key signs too often, here or elsewhere. It passes by itself.',
  TooManyRequests: 'too many pushes to this one phone. It passes by itself.',
  PayloadTooLarge: 'the push is too long: the caller id is, most likely.',
  PayloadEmpty: 'the push was empty.',
  InternalServerError: 'Apple has a fault of its own.',
  ServiceUnavailable: 'Apple has too much to do.',
  Shutdown: 'Apple was closing the connection. The next push takes a new one.',
  IdleTimeout: 'Apple closed a connection that had been idle. The next push takes a new one.',
}

const GOOGLE: [RegExp, string][] = [
  [
    /SENDER_ID_MISMATCH|sender-id|mismatched-credential/i,
    'the push token belongs to another Firebase project than the service account in APPS_FILE.',
  ],
  [/UNREGISTERED|not-registered/i, 'the app was removed from the phone. The app must register again.'],
  [/THIRD_PARTY_AUTH_ERROR|third-party-auth/i, "Firebase's own credentials for Apple are wrong."],
  [
    /QUOTA_EXCEEDED|quota|status 429|too-many/i,
    'too many pushes for this Firebase project, or to this phone.',
  ],
  [
    /PERMISSION_DENIED|\b403\b|credential|sign-?in|unauthenticated|authentication/i,
    "Google does not accept our login. Look at serviceAccountFile in APPS_FILE, at its rights, and at this machine's clock.",
  ],
  [/not found|NOT_FOUND/i, 'there is no such Firebase project. Look at serviceAccountFile in APPS_FILE.'],
  [/INVALID_ARGUMENT|invalid-argument|payload/i, 'Google did not take what the push contains.'],
  [
    /UNAVAILABLE|INTERNAL|unreachable|timed? ?out|in time|ECONN|DNS|no way|network/i,
    'the vendor could not be reached in time.',
  ],
  [
    /not in APPS_FILE/,
    'the app that registered is not in APPS_FILE. Add it, or correct its name or platform.',
  ],
  [/too many pushes under way/, 'this process was pushing as much as it can. It passes by itself.'],
]
