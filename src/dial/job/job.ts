// Reads a job from its text: JSON with redswitch's field names, every value through its allow-list. What comes out
// is safe to be put into a command; what doesn't pass is a failure that names the field and never repeats the value.

import { meaningOf } from '../../base/bytes.ts'
import { fail, ok, type Result } from '../../base/result.ts'
import { MS_PER_MINUTE, MS_PER_SECOND } from '../../base/units.ts'
import {
  type Account,
  type CallerId,
  type DialId,
  type GatewayName,
  type HeaderText,
  type LegName,
  type OrgId,
  type Parsed,
  type PhoneNumber,
  type PhoneTarget,
  type ProviderName,
  parseAccount,
  parseCallerId,
  parseDialId,
  parseGatewayName,
  parseHeaderText,
  parseLegName,
  parseOrgId,
  parsePhoneNumber,
  parsePhoneTarget,
  parseProviderName,
  parseSipPassword,
  parseSipUsername,
  parseUserId,
  type UserId,
} from '../../esl/allow.ts'
import type { SipCredentials } from '../../esl/originate.ts'
import { parseTraceparent } from '../../tracing/traceparent.ts'

interface JobCommon {
  dialId: DialId
  orgId: OrgId
  userId: UserId
  /** When the backend queued it, ms since the epoch; undefined when it did not say. */
  queuedAtMs: number | undefined
  /** The backend's trace (W3C Trace Context); undefined when it sent none, or none that fits. */
  traceparent: string | undefined
}

export type AspJob = JobCommon & {
  kind: 'asp-call'
  callProvider: ProviderName
  /** Whom each side calls: the phones of an account, which are woken; a number; or the number where the account's phones
   *  do not wake. One of the two is there. */
  callerAccount: Account | undefined
  callerNumber: PhoneNumber | undefined
  calleeAccount: Account | undefined
  calleeNumber: PhoneNumber | undefined
  callerIdLegA: CallerId
  callerIdLegB: CallerId
}

export type BotJob = JobCommon & {
  kind: 'bot-call'
  /** As the sides of an asp-call. */
  account: Account | undefined
  target: PhoneTarget | undefined
  callerId: CallerId
  credentials: SipCredentials | undefined
}

export type LoadTestJob = JobCommon & {
  kind: 'load-test'
  target: PhoneTarget
  /** The side under which its events are published. */
  side: LegName
  gateway: GatewayName
  dialpadCrm: HeaderText
  parentCallId: HeaderText
  calleeName: HeaderText
  targetKey: HeaderText
  topic: HeaderText
}

export type Job = AspJob | BotJob | LoadTestJob

/** What is wrong with one field. */
export interface Mistake {
  field: string
  /** A sentence's end: `${field} ${detail}`. It never holds the value. */
  detail: string
}

/** Why a text is no job. `dialId` when there is one to which the failure can be said. */
export interface BadJob {
  dialId: string | undefined
  /** The first mistake as a sentence: what is published. */
  cause: string
  /** All of them; none when the text is no object at all. */
  mistakes: Mistake[]
}

/** A job is at most this long; the longest that passes the allow-lists is below 4 KB. */
const JOB_CHARACTERS_MAX = 65_536

/** A longer one is read as far as this for the dial id whose caller waits to be told. */
const LONG_JOB_CHARACTERS_MAX = 1024 * 1024

/** @param text one character for each byte of the job, as the lists give it. */
export function parseJob(text: string): Result<Job, BadJob> {
  if (text.length > JOB_CHARACTERS_MAX) {
    const cause = `the job is longer than ${JOB_CHARACTERS_MAX} characters`
    return fail({ dialId: dialIdOfLong(text), cause, mistakes: [] })
  }
  const fields = parseObject(meaningOf(text))
  if (!fields.ok) return fail({ dialId: undefined, cause: fields.failure, mistakes: [] })
  return readJob(fields.value)
}

function dialIdOfLong(text: string): DialId | undefined {
  const fields = text.length > LONG_JOB_CHARACTERS_MAX ? undefined : parseObject(meaningOf(text))
  const dialId = fields?.ok ? parseDialId(fields.value.dial_id) : undefined
  return dialId?.ok ? dialId.value : undefined
}

/** As `parseJob`, for a job that came as a message on a switch's channel, or in a request. */
export function readJob(fields: Fields): Result<Job, BadJob> {
  const dialId = parseDialId(fields.dial_id)
  const form: JobForm = { fields, mistakes: [] }
  const job = readKind(
    form,
    need(form, 'dial_id', () => dialId),
  )
  const [first] = form.mistakes
  if (!first && job) return ok(job)
  return fail({
    dialId: dialId.ok ? dialId.value : undefined,
    cause: first ? sentenceOf(first) : '',
    mistakes: form.mistakes,
  })
}

export const sentenceOf = ({ field, detail }: Mistake): string => `${field} ${detail}`

type Fields = Record<string, unknown>

/** A job while it is read: its fields, and what is wrong with those that were looked at. */
interface JobForm {
  fields: Fields
  mistakes: Mistake[]
}

/** One field's value. Where there is none that passes, the mistake is noted, and the job that would hold the value is
 *  never given to anybody. */
function need<Value>(form: JobForm, name: string, parse: (value: unknown) => Parsed<Value>): Value {
  const given = form.fields[name]
  const parsed = parse(given)
  if (parsed.ok) return parsed.value
  form.mistakes.push({ field: name, detail: given === undefined ? 'is missing' : parsed.failure })
  return undefined as Value
}

function readKind(form: JobForm, dialId: DialId): Job | undefined {
  const { fields } = form
  const common: JobCommon = {
    dialId,
    orgId: need(form, 'org_id', parseOrgId),
    userId: need(form, 'user_id', parseUserId),
    queuedAtMs: readQueuedAt(form),
    traceparent: readTraceparent(form),
  }
  switch (fields.type) {
    case 'asp-call':
      return {
        kind: 'asp-call',
        ...common,
        callProvider: need(form, 'call_provider', parseProviderName),
        callerAccount: readAccount(form, 'caller_account'),
        callerNumber: needBeside(form, 'caller_account', 'caller_number', parsePhoneNumber),
        calleeAccount: readAccount(form, 'callee_account'),
        calleeNumber: needBeside(form, 'callee_account', 'callee_number', parsePhoneNumber),
        callerIdLegA: need(form, 'caller_id_lega', parseCallerId),
        callerIdLegB: need(form, 'caller_id_legb', parseCallerId),
      }
    case 'bot-call':
      return {
        kind: 'bot-call',
        ...common,
        credentials: readLogin(form),
        account: readAccount(form, 'account'),
        target: needBeside(form, 'account', 'phone_number', parsePhoneTarget),
        callerId: need(form, 'caller_id', parseCallerId),
      }
    case 'load-test':
      return {
        kind: 'load-test',
        ...common,
        target: need(form, 'phone_number', parsePhoneTarget),
        side: need(form, 'leg', parseLegName),
        gateway: need(form, 'gateway', parseGatewayName),
        dialpadCrm: need(form, 'dialpad_crm', parseHeaderText),
        parentCallId: need(form, 'parent_callid', parseHeaderText),
        calleeName: need(form, 'callee_name', parseHeaderText),
        targetKey: need(form, 'target_key', parseHeaderText),
        topic: need(form, 'topic', parseHeaderText),
      }
    default:
      form.mistakes.push({ field: 'type', detail: 'must be asp-call, bot-call or load-test' })
      return undefined
  }
}

const isNamed = ({ fields }: JobForm, name: string): boolean =>
  fields[name] !== undefined && fields[name] !== null

const readAccount = (form: JobForm, name: string): Account | undefined =>
  isNamed(form, name) ? need(form, name, parseAccount) : undefined

/** A number that may be missing where the job names an account. */
const needBeside = <Value>(
  form: JobForm,
  account: string,
  name: string,
  parse: (value: unknown) => Parsed<Value>,
): Value | undefined => (isNamed(form, account) && !isNamed(form, name) ? undefined : need(form, name, parse))

/** The account that a side is, if the job names one. */
export function accountOf(job: Job, side: string): Account | undefined {
  if (job.kind === 'asp-call') return side === '0' ? job.callerAccount : job.calleeAccount
  return job.kind === 'bot-call' ? job.account : undefined
}

function readLogin(form: JobForm): SipCredentials | undefined {
  const credentials = readCredentials(form.fields)
  if (credentials.ok) return credentials.value
  form.mistakes.push(...credentials.failure)
  return undefined
}

/** Values of `auth` that ask for no login; redswitch took every other text that is not empty for a yes. */
const NO_LOGIN: readonly unknown[] = [undefined, null, false, 0, '', 'false', '0']

/** `auth` asks for a SIP login with the two fields beside it. redswitch's clients send `true`, `"true"`, `1`, `"yes"`. */
export function readCredentials(fields: Fields): Result<SipCredentials | undefined, Mistake[]> {
  const { auth } = fields
  if (NO_LOGIN.includes(typeof auth === 'string' ? auth.toLowerCase() : auth)) return ok(undefined)
  if (typeof auth === 'object') return fail([{ field: 'auth', detail: 'must be true or false' }])
  const username = parseSipUsername(fields.sip_auth_username)
  const password = parseSipPassword(fields.sip_auth_password)
  if (username.ok && password.ok) return ok({ username: username.value, password: password.value })
  return fail([
    ...(username.ok ? [] : [{ field: 'sip_auth_username', detail: username.failure }]),
    ...(password.ok ? [] : [{ field: 'sip_auth_password', detail: password.failure }]),
  ])
}

function readQueuedAt({ fields, mistakes }: JobForm): number | undefined {
  if (fields.queued_at === undefined || fields.queued_at === null) return undefined
  const { queued_at: given } = fields
  // Of anything else not even the attempt to read it as a number is safe: it may have a `toString` of its own.
  const seconds = typeof given === 'number' || typeof given === 'string' ? Number(given) : Number.NaN
  const isSeconds = Number.isFinite(seconds) && seconds > 0
  if (isSeconds && seconds < MILLISECONDS_FROM) return seconds * MS_PER_SECOND
  const detail = 'must be seconds since the epoch'
  mistakes.push({ field: 'queued_at', detail: isSeconds ? `${detail}, not milliseconds` : detail })
  return undefined
}

/** Numbers above this are milliseconds: as seconds it would be the year 5138, as milliseconds it is 1973. */
const MILLISECONDS_FROM = 100_000_000_000

/** Clocks of two machines may differ by so much; a job from later would never be too old. */
const AHEAD_MAX_MS = MS_PER_MINUTE

/** Not checked for a job that was taken before: its time was checked then. */
export const aheadOf = ({ queuedAtMs }: Job, nowMs: number): Mistake | undefined =>
  queuedAtMs !== undefined && queuedAtMs - nowMs > AHEAD_MAX_MS
    ? { field: 'queued_at', detail: 'is more than a minute ahead' }
    : undefined

/** Never a mistake: a call is not refused for the sake of a trace. */
function readTraceparent({ fields }: JobForm): string | undefined {
  const { traceparent } = fields
  return typeof traceparent === 'string' && parseTraceparent(traceparent) ? traceparent : undefined
}

function parseObject(text: string): Result<Fields, string> {
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return ok(value as Fields)
    return fail('the job is no JSON object')
  } catch {
    return fail('the job is not valid JSON')
  }
}
