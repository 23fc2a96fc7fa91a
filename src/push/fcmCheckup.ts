// Asks Google whether it takes one app's service account: signs it in, then sends a message that is only validated.
// No phone is reached. firebase-admin is not needed for that, and would hide the answer's date.
import { compareClocks, type Finding, fine, HTTP_DATE_CUT_MS, problem, warning } from '../base/finding.ts'
import { messageOf } from '../base/result.ts'
import type { Clock } from '../base/units.ts'
import type { FcmApp } from './fcm.ts'
import { createGoogleSignIn, GoogleSignInError } from './googleSignIn.ts'

export interface FcmCheckupOptions {
  app: FcmApp
  clock: Clock
  limitMs: number
}

/** Nobody subscribes to it, and with `validate_only` nothing is sent either. */
const TOPIC = 'hookswitch-doctor'

const SIGN_IN = 'fcm sign-in'
const SEND = 'fcm project'

const TODO_REACH =
  'Let this machine open connections to port 443 of oauth2.googleapis.com and fcm.googleapis.com.'

/** Never rejects. */
export async function examineFcm({ app, clock, limitMs }: FcmCheckupOptions): Promise<Finding[]> {
  let accessToken: string
  try {
    accessToken = (await createGoogleSignIn(app, clock, limitMs).getAccessToken()).access_token
  } catch (thrown) {
    return [signInFinding(thrown, app)]
  }
  const signedIn = fine(SIGN_IN, `Google signs ${app.clientEmail} in.`)
  try {
    const response = await fetch(`https://fcm.googleapis.com/v1/projects/${app.projectId}/messages:send`, {
      method: 'POST',
      headers: { authorization: `Bearer ${accessToken}`, 'content-type': 'application/json' },
      body: JSON.stringify({ validate_only: true, message: { topic: TOPIC } }),
      signal: AbortSignal.timeout(limitMs),
    })
    const offsetMs = Date.parse(response.headers.get('date') ?? '') + HTTP_DATE_CUT_MS - clock()
    const sent = sendFinding(response.status, await response.text(), app)
    return [signedIn, sent, ...(Number.isNaN(offsetMs) ? [] : [compareClocks('Google', offsetMs)])]
  } catch (thrown) {
    return [signedIn, problem(SEND, `Google can't be asked: ${messageOf(thrown)}.`, TODO_REACH)]
  }
}

function signInFinding(thrown: unknown, { clientEmail }: FcmApp): Finding {
  if (thrown instanceof GoogleSignInError && thrown.status !== undefined && thrown.status < 500)
    return problem(
      SIGN_IN,
      `Google refuses ${clientEmail}: ${thrown.message}.`,
      'The key may be deleted or the account disabled: make a new key (Firebase console, Service accounts). A clock that is minutes wrong has the same effect.',
    )
  return problem(SIGN_IN, `Google can't be asked: ${messageOf(thrown)}.`, TODO_REACH)
}

function sendFinding(status: number, text: string, { projectId, clientEmail }: FcmApp): Finding {
  if (status === 200) return fine(SEND, `Google takes pushes of the project ${projectId}.`)
  const words = `${status} ${reasonIn(text)}`.trim()
  if (status === 404)
    return problem(
      SEND,
      `Google knows no project ${projectId} for pushes (${words}).`,
      'project_id in the service account must be the Firebase project of the app.',
    )
  if (status === 401 || status === 403)
    return problem(
      SEND,
      `Google does not let ${clientEmail} push for the project ${projectId} (${words}).`,
      'Enable the Firebase Cloud Messaging API (V1) in the project, and give the account the role Firebase Cloud Messaging API Admin.',
    )
  if (status === 429 || status >= 500)
    return warning(SEND, `Google does not answer for ${projectId} just now (${words}).`, 'Ask again later.')
  return problem(
    SEND,
    `Google refuses a push of the project ${projectId} (${words}).`,
    'See "FCM error codes".',
  )
}

/** Reasons are cut: a proxy on the way may answer with a whole page. */
const REASON_LENGTH_MAX = 120

function reasonIn(text: string): string {
  try {
    const { error } = JSON.parse(text) as { error?: { status?: string; message?: string } }
    return [error?.status, error?.message].filter(Boolean).join(': ').slice(0, REASON_LENGTH_MAX)
  } catch {
    // Not Google's JSON; the status must do.
    return ''
  }
}
