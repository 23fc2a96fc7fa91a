// A wake as an agent asks a front for it: whose phones, for which call, and what they show. It crosses Redis as JSON
// between two processes that may be of two versions, so what comes in is read as a stranger's.

export interface WakeCall {
  /** Whose phones shall wake. */
  account: string
  /** The dial id: the wake and the call share a timeline, and a wake that is asked for again joins itself. */
  callId: string
  /** What the phone shows. */
  phonenumber: string
  callerId: string
  /** The call's trace (W3C Trace Context). */
  traceparent?: string
}

const ACCOUNT = /^[A-Za-z0-9_.+~-]{1,64}(@[A-Za-z0-9.-]{1,255})?$/
const CALL_ID = /^[\x21-\x7e]{1,255}$/
const SHOWN_CHARACTERS_MAX = 128

/** @returns undefined when it is none. */
export function readWakeCall(text: string): WakeCall | undefined {
  let read: unknown
  try {
    read = JSON.parse(text)
  } catch {
    // The front answers the agent that asked with `failed`, reason `unusable`.
    return undefined
  }
  const { account, callId, phonenumber, callerId, traceparent } = (read ?? {}) as Record<string, unknown>
  if (typeof account !== 'string' || !ACCOUNT.test(account)) return undefined
  if (typeof callId !== 'string' || !CALL_ID.test(callId)) return undefined
  return {
    account,
    callId,
    phonenumber: shown(phonenumber),
    callerId: shown(callerId),
    ...(typeof traceparent === 'string' ? { traceparent } : {}),
  }
}

const shown = (value: unknown): string =>
  typeof value === 'string' ? value.slice(0, SHOWN_CHARACTERS_MAX) : ''
