// Reads what firebase-admin throws and says what became of the push. It looks at Google's own answer first, because
// firebase-admin's codes fold together what must be told apart: a gone device and a project that does not exist.
import { messageOf } from '../base/result.ts'
import { type Clock, MS_PER_MINUTE } from '../base/units.ts'
import { GoogleSignInError } from './googleSignIn.ts'
import type { PushOutcome } from './push.ts'
import { retryAfterMs } from './retryAfter.ts'

/** A passing fault without `Retry-After`. */
const RETRY_MS = 500

/** Google's wish for a 429 without `Retry-After` ("Scale FCM"). */
const QUOTA_RETRY_MS = MS_PER_MINUTE

/** Reasons go into logs: enough to understand, too short to carry a page of HTML. */
const REASON_LENGTH_MAX = 200

/** What is known of a failed sending. */
export interface FcmFailure {
  /** HTTP status of FCM's answer, or of the token endpoint's; undefined when there was none. */
  status: number | undefined
  /** FCM's own code (`UNREGISTERED`), from the answer's detail; undefined when the answer has none. */
  fcmCode: string | undefined
  /** Nobody answered: a broken line, or no access token in time. False for what firebase-admin refuses by itself. */
  isUnreachable: boolean
  /** Whether an INVALID_ARGUMENT is about the push token. */
  isAboutToken: boolean
  afterMs: number | undefined
  /** For the log: no push token in it. */
  reason: string
}

/** @param pushToken is cut out of the reason, should Google repeat it. */
export function failureOf(thrown: unknown, pushToken: string, clock: Clock): FcmFailure {
  const { code, httpResponse, cause } = thrown as FirebaseThrown
  const error = httpResponse?.data?.error
  const details = Array.isArray(error?.details) ? error.details : []
  // Thrown before the sending, or wrapped by firebase-admin in a paragraph of advice.
  const signIn = [thrown, cause].find(each => each instanceof GoogleSignInError)
  const status = signIn ? signIn.status : httpResponse?.status
  const text = signIn ? signIn.message : `${code ?? 'error'}: ${error?.message ?? messageOf(thrown)}`
  return {
    status,
    isUnreachable: status === undefined && (signIn !== undefined || code?.startsWith('app/') === true),
    fcmCode: details.find(detail => detail['@type'] === FCM_ERROR_TYPE)?.errorCode,
    isAboutToken: isAboutToken(error?.message ?? '', details),
    afterMs: retryAfterMs(httpResponse?.headers?.['retry-after'], clock),
    reason: text.replaceAll(pushToken, '…').slice(0, REASON_LENGTH_MAX),
  }
}

/** Source: "FCM error codes" (REST, v1). @param sentAtMs Google does not say since when a token is gone. */
export function outcomeOf(failure: FcmFailure, sentAtMs: number): PushOutcome {
  const { status, fcmCode, reason } = failure
  // A bare 404 is a wrong project or a proxy's page: forgetting devices for it would empty the register.
  if (fcmCode === 'UNREGISTERED') return { kind: 'token-gone', sinceMs: sentAtMs }
  if (status === 400 && failure.isAboutToken) return { kind: 'token-gone', sinceMs: sentAtMs }
  if (status === 429) return { kind: 'retry-later', afterMs: failure.afterMs ?? QUOTA_RETRY_MS, reason }
  if (failure.isUnreachable || status === 408 || (status ?? 0) >= 500)
    return { kind: 'retry-later', afterMs: failure.afterMs ?? RETRY_MS, reason }
  return { kind: 'refused', reason }
}

const FCM_ERROR_TYPE = 'type.googleapis.com/google.firebase.fcm.v1.FcmError'
const BAD_REQUEST_TYPE = 'type.googleapis.com/google.rpc.BadRequest'

interface GoogleDetail {
  '@type'?: string
  errorCode?: string
  fieldViolations?: { field?: string }[]
}

interface FirebaseThrown {
  code?: string
  httpResponse?: {
    status?: number
    headers?: Record<string, string | string[] | undefined>
    data?: { error?: { message?: string; details?: GoogleDetail[] } }
  }
  cause?: unknown
}

/** Google names the field in a BadRequest detail; for a malformed token it leaves that out and says so in words. */
function isAboutToken(message: string, details: GoogleDetail[]): boolean {
  const violations = details
    .filter(detail => detail['@type'] === BAD_REQUEST_TYPE)
    .flatMap(detail => detail.fieldViolations ?? [])
  if (violations.length > 0) return violations.every(violation => violation.field === 'message.token')
  return details.length > 0 && /registration token is not (?:a )?valid/i.test(message)
}
