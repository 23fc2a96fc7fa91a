// The commands that ring phones: asp-call, bot-call, load-test and barge. Each is a pure function from allow-listed
// values to one `originate` line for `bgapi`; when to send it, and what its answer means, is decided in dial/.
// Timings and answers named here were measured on FreeSWITCH 1.10.12.
import { assert } from '../base/result.ts'
import type {
  AccountUser,
  CallerId,
  ChannelUuid,
  Contact,
  DialId,
  GatewayName,
  HeaderPrefix,
  HeaderText,
  LegName,
  OrgId,
  PhoneNumber,
  PhoneTarget,
  ProviderName,
  SipPassword,
  SipUsername,
  UserId,
} from './allow.ts'
import { asCommand, type EslCommand } from './command.ts'
import {
  addressOf,
  callVariables,
  legVariables,
  own,
  ownSeconds,
  RINGBACK,
  type Routes,
  type Variable,
} from './dialstring.ts'

/** Whose call it is. */
export interface CallOwner {
  dialId: DialId
  orgId: OrgId
  userId: UserId
  /** Of all calls that this dial id ever makes only this one has it; their channels have the same uuids. */
  claim?: number
}

/** Answers a SIP challenge with these instead of the gateway's. */
export interface SipCredentials {
  username: SipUsername
  password: SipPassword
}

/** The headers by which a survivor reads a call back from events and `uuid_dump`: our channel variables. */
export const CALL_HEADERS = {
  dialId: 'variable_dial_id',
  /** `0` caller, `1` callee, a load-test's own word; absent on a barger's leg. */
  side: 'variable_call-side',
  orgId: 'variable_hookswitch_org_id',
  userId: 'variable_hookswitch_user_id',
  /** `asp-call`, `bot-call`, `load-test` or `barge`. */
  job: 'variable_hookswitch_job',
  claim: 'variable_hookswitch_claim',
  /** On a barger's leg alone. */
  bargeId: 'variable_barge-id',
} as const

/** A side that is one phone behind a gateway. `gateway`: where it is not the call's. */
export interface OnePhone {
  number: PhoneNumber | AccountUser
  gateway?: GatewayName | undefined
  channelUuid: ChannelUuid
}

/** A side that is an account: all its contacts ring, each on a channel of its own, and the first to answer is the side.
 *  With one uuid for all FreeSWITCH would refuse the second, and ring none (measured). */
export interface Contacts {
  contacts: readonly { contact: Contact; channelUuid: ChannelUuid }[]
}

export type Reached = OnePhone | Contacts

export interface AspCall extends CallOwner {
  callProvider: ProviderName
  gateway: GatewayName
  headerPrefix: HeaderPrefix
  /** For each leg, counted from when that leg rings. FreeSWITCH compares whole seconds: up to one second early. */
  ringTimeoutSeconds: number
  /** Side 0, the A-leg: is rung first. `callerId` is what its phone shows. */
  caller: Reached & { callerId: CallerId }
  /** Side 1, the B-leg: is rung when A has answered. `isAsleep`: it is woken first, and joined by `joinCallee`. */
  callee: (Reached | { isAsleep: true }) & { callerId: CallerId }
}

// originate {<A variables>}sofia/gateway/<gateway>/<caller> &bridge([<B variables>]sofia/gateway/<gateway>/<callee>)
/** Rings the A-leg; when it answers, the B-leg, and bridges the two. The job ends with A's answer.
 *  A not answering ends in NO_ANSWER (`originate_timeout`); so does B (`call_timeout` of the A-leg: B's own
 *  `leg_timeout` would end in ALLOTTED_TIMEOUT on both legs). */
export function originateAsp(call: AspCall): EslCommand {
  const { caller, callee } = call
  const seconds = ownSeconds(call.ringTimeoutSeconds)
  const aLeg = callVariables([
    ...uuidOf(caller),
    ['call-side', own('0')],
    ...ownerVariables(call, 'asp-call'),
    ['origination_caller_id_number', caller.callerId],
    ['origination_callee_id_number', callee.callerId],
    ['originate_timeout', seconds],
    ['call_timeout', seconds],
    ['ignore_early_media', own('true')],
    ['instant_ringback', own('true')],
    RINGBACK,
    ['hangup_after_bridge', own('true')],
    ...dialHeaders(call, '0', call.callProvider),
  ])
  const then = 'isAsleep' in callee ? '&park()' : `&bridge(${calleeOf(call, callee)})`
  return asCommand(`originate ${aLeg}${waysTo(caller, call.gateway)} ${then}`)
}

/** Side 1's part of a call, as it is known when that side is rung. */
export type JoinedCall = Omit<AspCall, 'caller' | 'callee' | 'ringTimeoutSeconds'> & {
  callerUuid: ChannelUuid
  callee: Reached & { callerId: CallerId }
}

// uuid_transfer <A uuid> m:!:bridge:<B's dial string> inline
/** Rings the B-leg of a call whose A-leg has answered and is parked, and bridges the two. As with a bridge that stands in
 *  the originate, A ends with B, and with B's failure. What plays to A stops. */
export const joinCallee = (call: JoinedCall): EslCommand =>
  asCommand(`uuid_transfer ${call.callerUuid} m:!:bridge:${calleeOf(call, call.callee)} inline`)

function calleeOf(
  call: Omit<AspCall, 'caller' | 'callee' | 'ringTimeoutSeconds'>,
  callee: Reached & { callerId: CallerId },
): string {
  const variables: Variable[] = [
    ...uuidOf(callee),
    ['call-side', own('1')],
    ...ownerVariables(call, 'asp-call'),
    ['origination_caller_id_number', callee.callerId],
    // Without a name the callee's phone shows FreeSWITCH's own words, "Outbound Call".
    ['origination_caller_id_name', callee.callerId],
    // A's headers are copied to B; these stand in the way of the copies.
    ...dialHeaders(call, '1', call.callProvider),
  ]
  const block = 'contacts' in callee ? callVariables(variables) : legVariables(variables)
  const text = `${block}${waysTo(callee, call.gateway)}`
  assert(!text.includes('!') && !text.includes(' '), 'nothing divides the words of a transfer')
  return text
}

/** Contacts have one each, in their own blocks. */
const uuidOf = (side: Reached): Variable[] =>
  'contacts' in side ? [] : [['origination_uuid', side.channelUuid]]

/** The dial string of a side, without its variables. */
function waysTo(side: Reached, gateway: GatewayName): string {
  if (!('contacts' in side)) return `sofia/gateway/${side.gateway ?? gateway}/${side.number}`
  assert(side.contacts.length > 0, 'a side has somebody to ring')
  return side.contacts
    .map(({ contact, channelUuid }) => `${legVariables([['origination_uuid', channelUuid]])}${contact}`)
    .join(',')
}

export interface BotCall extends CallOwner, Routes {
  target: PhoneTarget | Reached
  credentials?: SipCredentials | undefined
  /** Without one the phone shows FreeSWITCH's default, 0000000000. */
  callerId?: CallerId | undefined
  channelUuid: ChannelUuid
  headerPrefix: HeaderPrefix
  ringTimeoutSeconds: number
}

/** What redswitch names as provider in a bot-call's header. */
const BOT_PROVIDER = own('auto-bot')

// originate {<variables>}sofia/gateway/<gateway>/<number> &park()
// originate {<variables>}sofia/<profile>/sip:<user>@<host> &park()
/** Rings one phone and parks it when it answers. It parks again after a bridge, and then stays until it is killed. */
export function originateBot(call: BotCall): EslCommand {
  const { target } = call
  const isContacts = 'contacts' in target
  const variables = callVariables([
    ...(isContacts ? [] : ([['origination_uuid', call.channelUuid]] satisfies Variable[])),
    ['call-side', own('0')],
    ...ownerVariables(call, 'bot-call'),
    ...callerIdVariables(call.callerId),
    ['originate_timeout', ownSeconds(call.ringTimeoutSeconds)],
    // With early media taken for an answer the originate would end there, and its ring time with it: a phone whose
    // network plays an announcement would ring until that network gives up (measured).
    ['ignore_early_media', own('true')],
    // A parked channel sends nothing by itself, so there is nothing into which a barger or music could be mixed.
    ['send_silence_when_idle', own('-1')],
    ['park_after_bridge', own('true')],
    ['hangup_after_bridge', own('false')],
    ...credentialVariables(call.credentials),
    ...dialHeaders(call, '0', BOT_PROVIDER),
  ])
  const way = 'kind' in target ? addressOf(target, call) : waysTo(target, call.gateway)
  return asCommand(`originate ${variables}${way} &park()`)
}

export interface LoadTestCall extends CallOwner, Routes {
  target: PhoneTarget
  channelUuid: ChannelUuid
  ringTimeoutSeconds: number
  /** Also the side and the caller id. */
  leg: LegName
  dialpadCrm: HeaderText
  parentCallId: HeaderText
  calleeName: HeaderText
  targetKey: HeaderText
  topic: HeaderText
}

// originate {<variables>}sofia/gateway/<gateway>/<number> &park()
/** Rings one phone and parks it, with the headers that redswitch's load-test sends; their prefix is fixed. */
export function originateLoadTest(call: LoadTestCall): EslCommand {
  const variables = callVariables([
    ['origination_uuid', call.channelUuid],
    ['call-side', call.leg],
    ...ownerVariables(call, 'load-test'),
    ['origination_caller_id_number', call.leg],
    ['originate_timeout', ownSeconds(call.ringTimeoutSeconds)],
    // As for a bot-call.
    ['ignore_early_media', own('true')],
    ['sip_h_X-Dialpad-CRM', call.dialpadCrm],
    ['sip_h_X-Dialpad-OrganizationId', call.orgId],
    ['sip_h_X-Dialpad-CallLeg', call.leg],
    ['sip_h_X-Dialpad-CallLegTag', call.leg],
    ['sip_h_X-Dialpad-ParentCallId', call.parentCallId],
    ['sip_h_X-Dialpad-CalleeName', call.calleeName],
    ['sip_h_X-Dialpad-TargetKey', call.targetKey],
    ['sip_h_X-Dialpad-Topic', call.topic],
  ])
  return asCommand(`originate ${variables}${addressOf(call.target, call)} &park()`)
}

export interface BargeCall extends CallOwner, Routes {
  target: PhoneTarget
  credentials?: SipCredentials | undefined
  /** Without one the phone shows FreeSWITCH's default, 0000000000. */
  callerId?: CallerId | undefined
  /** The supervisor's own leg, S; also its `barge-id`. */
  channelUuid: ChannelUuid
  /** The A-leg of the call to listen to. Ask `channelExists` first: on an unknown one S's phone really rings, the job
   *  says +OK, and S is hung up. Nothing tells that the target was missing. */
  targetChannelUuid: ChannelUuid
  ringTimeoutSeconds: number
}

// originate {<variables>}sofia/gateway/<gateway>/<number> &eavesdrop(<A uuid>)
/** Rings a supervisor, who hears the call and is heard by nobody. The keypad is off: `superviseAs` sets who hears.
 *  It has no `call-side`, so no event of it is taken for a side of the call. */
export function originateBarge(call: BargeCall): EslCommand {
  const variables = callVariables([
    ['origination_uuid', call.channelUuid],
    ['barge-id', call.channelUuid],
    ...ownerVariables(call, 'barge'),
    ...callerIdVariables(call.callerId),
    ['originate_timeout', ownSeconds(call.ringTimeoutSeconds)],
    // Else a provider's announcement would already count as the supervisor listening.
    ['ignore_early_media', own('true')],
    ['eavesdrop_enable_dtmf', own('false')],
    ...credentialVariables(call.credentials),
  ])
  return asCommand(
    `originate ${variables}${addressOf(call.target, call)} &eavesdrop(${call.targetChannelUuid})`,
  )
}

function ownerVariables(call: CallOwner, job: string): Variable[] {
  return [
    ['dial_id', call.dialId],
    ['hookswitch_org_id', call.orgId],
    ['hookswitch_user_id', call.userId],
    ['hookswitch_job', own(job)],
    ...claimVariables(call.claim),
  ]
}

function claimVariables(claim: number | undefined): Variable[] {
  if (claim === undefined) return []
  assert(Number.isSafeInteger(claim), 'a claim is a whole number')
  return [['hookswitch_claim', own(String(claim))]]
}

function callerIdVariables(callerId: CallerId | undefined): Variable[] {
  return callerId ? [['origination_caller_id_number', callerId]] : []
}

function credentialVariables(credentials: SipCredentials | undefined): Variable[] {
  if (!credentials) return []
  return [
    ['sip_auth_username', credentials.username],
    ['sip_auth_password', credentials.password],
  ]
}

/** redswitch sent `Accuvit-Dial-ID` and so on: its users set that prefix and see the same headers. */
function dialHeaders(
  call: CallOwner & { headerPrefix: HeaderPrefix },
  side: '0' | '1',
  provider: Variable[1],
): Variable[] {
  const header = (name: string) => `sip_h_${call.headerPrefix}${name}`
  return [
    [header('Dial-ID'), call.dialId],
    [header('Dial-Side'), own(side)],
    [header('Organization-ID'), call.orgId],
    [header('User-ID'), call.userId],
    ['sip_h_X-TalkIQ-Callprovider', provider],
  ]
}
