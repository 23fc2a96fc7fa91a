// Reads a job from its text: JSON with redswitch's field names, every value through its allow-list. What comes out
// is safe to be put into a command; what doesn't pass is a failure that names the field and never repeats the value.
import {
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
} from '../esl/allow.ts'
import type { SipCredentials } from '../esl/originate.ts'
import { fail, ok, type Result } from '../result.ts'
import { MS_PER_SECOND } from '../units.ts'

interface JobCommon {
  dialId: DialId
  orgId: OrgId
  userId: UserId
  /** When the backend queued it, ms since the epoch; undefined when it did not say. */
  queuedAtMs: number | undefined
}

export type AspJob = JobCommon & {
  kind: 'asp-call'
  callProvider: ProviderName
  callerNumber: PhoneNumber
  calleeNumber: PhoneNumber
  callerIdLegA: CallerId
  callerIdLegB: CallerId
}

export type BotJob = JobCommon & {
  kind: 'bot-call'
  target: PhoneTarget
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

/** Why a text is no job. `dialId` when there is one to which the failure can be said. */
export interface BadJob {
  dialId: string | undefined
  cause: string
}

/** A job is at most this long; the longest that passes the allow-lists is below 4 KB. */
const JOB_CHARACTERS_MAX = 65_536

export function parseJob(text: string): Result<Job, BadJob> {
  const fields = parseObject(text)
  if (!fields.ok) return fail({ dialId: undefined, cause: fields.failure })
  return readJob(fields.value)
}

/** As `parseJob`, for a job that came as a message on a switch's channel. */
export function readJob(fields: Fields): Result<Job, BadJob> {
  const dialId = parseDialId(fields.dial_id)
  if (!dialId.ok) return fail({ dialId: undefined, cause: `dial_id ${dialId.failure}` })
  try {
    return ok(readKind(fields, dialId.value))
  } catch (thrown) {
    if (thrown instanceof BadField) return fail({ dialId: dialId.value, cause: thrown.message })
    throw thrown
  }
}

type Fields = Record<string, unknown>

/** Ends the reading of a job at its first bad field. Never leaves this file. */
class BadField extends Error {}

function need<Value>(fields: Fields, name: string, parse: (value: unknown) => Parsed<Value>): Value {
  const parsed = parse(fields[name])
  if (parsed.ok) return parsed.value
  throw new BadField(fields[name] === undefined ? `${name} is missing` : `${name} ${parsed.failure}`)
}

function readKind(fields: Fields, dialId: DialId): Job {
  const common: JobCommon = {
    dialId,
    orgId: need(fields, 'org_id', parseOrgId),
    userId: need(fields, 'user_id', parseUserId),
    queuedAtMs: readQueuedAt(fields),
  }
  switch (fields.type) {
    case 'asp-call':
      return {
        kind: 'asp-call',
        ...common,
        callProvider: need(fields, 'call_provider', parseProviderName),
        callerNumber: need(fields, 'caller_number', parsePhoneNumber),
        calleeNumber: need(fields, 'callee_number', parsePhoneNumber),
        callerIdLegA: need(fields, 'caller_id_lega', parseCallerId),
        callerIdLegB: need(fields, 'caller_id_legb', parseCallerId),
      }
    case 'bot-call': {
      const credentials = readCredentials(fields)
      if (!credentials.ok) throw new BadField(credentials.failure)
      return {
        kind: 'bot-call',
        ...common,
        target: need(fields, 'phone_number', parsePhoneTarget),
        callerId: need(fields, 'caller_id', parseCallerId),
        credentials: credentials.value,
      }
    }
    case 'load-test':
      return {
        kind: 'load-test',
        ...common,
        target: need(fields, 'phone_number', parsePhoneTarget),
        side: need(fields, 'leg', parseLegName),
        gateway: need(fields, 'gateway', parseGatewayName),
        dialpadCrm: need(fields, 'dialpad_crm', parseHeaderText),
        parentCallId: need(fields, 'parent_callid', parseHeaderText),
        calleeName: need(fields, 'callee_name', parseHeaderText),
        targetKey: need(fields, 'target_key', parseHeaderText),
        topic: need(fields, 'topic', parseHeaderText),
      }
    default:
      throw new BadField('type must be asp-call, bot-call or load-test')
  }
}

/** `auth` asks for a SIP login with the two fields beside it. redswitch's clients send it as the text `true`. */
export function readCredentials(fields: Fields): Result<SipCredentials | undefined, string> {
  const isAsked = fields.auth === true || String(fields.auth).toLowerCase() === 'true'
  if (!isAsked) return ok(undefined)
  const username = parseSipUsername(fields.sip_auth_username)
  if (!username.ok) return fail(`sip_auth_username ${username.failure}`)
  const password = parseSipPassword(fields.sip_auth_password)
  if (!password.ok) return fail(`sip_auth_password ${password.failure}`)
  return ok({ username: username.value, password: password.value })
}

function readQueuedAt(fields: Fields): number | undefined {
  if (fields.queued_at === undefined || fields.queued_at === null) return undefined
  const seconds = Number(fields.queued_at)
  if (!Number.isFinite(seconds) || seconds <= 0)
    throw new BadField('queued_at must be seconds since the epoch')
  return seconds * MS_PER_SECOND
}

function parseObject(text: string): Result<Fields, string> {
  if (text.length > JOB_CHARACTERS_MAX) return fail(`the job is longer than ${JOB_CHARACTERS_MAX} characters`)
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return ok(value as Fields)
    return fail('the job is no JSON object')
  } catch {
    return fail('the job is not valid JSON')
  }
}
