// Makes the commands that dial a job: which gateway, which profile, which prefix of headers the settings name for it.
// Everything in them has passed its allow-list; a setting that does not throws.

import { assert, assertNever } from '../../base/result.ts'
import {
  assertAllowed,
  type GatewayName,
  parseChannelUuid,
  parseGatewayName,
  parseHeaderPrefix,
  parseProfileName,
} from '../../esl/allow.ts'
import type { EslCommand } from '../../esl/command.ts'
import {
  joinCallee,
  originateAsp,
  originateBot,
  originateLoadTest,
  type Reached,
} from '../../esl/originate.ts'
import type { AgentContext } from '../agent/context.ts'
import { type Call, CLAIM_FIELD } from '../call/call.ts'
import { type AspJob, accountOf, type Job } from './job.ts'

/** The one command that makes a job's call. @param woken side 0, when its phones were woken first. */
export function originateOf(context: AgentContext, job: Job, call: Call, woken?: Reached): EslCommand {
  const { settings } = context
  const channelUuid = assertAllowed(parseChannelUuid(call.a.channelUuid))
  const routes = {
    gateway: assertAllowed(parseGatewayName(settings.gateway)),
    profile: assertAllowed(parseProfileName(settings.sipProfile)),
  }
  const headerPrefix = assertAllowed(parseHeaderPrefix(settings.sipHeaderPrefix))
  const { ringTimeoutSeconds } = settings
  const claim = Number(call.record.fields[CLAIM_FIELD])
  switch (job.kind) {
    case 'asp-call': {
      const callee =
        job.calleeAccount === undefined ? phoneOf(job.calleeNumber, call.b) : { isAsleep: true as const }
      return originateAsp({
        ...job,
        claim,
        gateway: gatewayFor(context, job.callProvider),
        headerPrefix,
        ringTimeoutSeconds,
        caller: { ...(woken ?? phoneOf(job.callerNumber, call.a)), callerId: job.callerIdLegA },
        callee: { ...callee, callerId: job.callerIdLegB },
      })
    }
    case 'bot-call': {
      const { credentials, target = woken, ...rest } = job
      assert(target, 'a bot call has somebody to ring')
      return originateBot({
        ...rest,
        claim,
        ...routes,
        target: woken ?? target,
        headerPrefix,
        ringTimeoutSeconds,
        channelUuid,
        ...(credentials ? { credentials } : {}),
      })
    }
    case 'load-test':
      return originateLoadTest({
        ...job,
        claim,
        ...routes,
        gateway: job.gateway,
        leg: job.side,
        ringTimeoutSeconds,
        channelUuid,
      })
    default:
      return assertNever(job)
  }
}

/** The command that rings a callee whose phones were woken, and joins them to the caller who waits. */
export function joinOf(context: AgentContext, job: AspJob, call: Call, callee: Reached): EslCommand {
  return joinCallee({
    ...job,
    claim: Number(call.record.fields[CLAIM_FIELD]),
    gateway: gatewayFor(context, job.callProvider),
    headerPrefix: assertAllowed(parseHeaderPrefix(context.settings.sipHeaderPrefix)),
    callerUuid: assertAllowed(parseChannelUuid(call.a.channelUuid)),
    callee: { ...callee, callerId: job.callerIdLegB },
  })
}

/** A side of an asp-call as the number that its job names. */
export function phoneOf(number: AspJob['callerNumber'], leg: { channelUuid: string } | undefined): Reached {
  assert(number !== undefined, 'a side without an account has a number')
  return { number, channelUuid: assertAllowed(parseChannelUuid(leg?.channelUuid)) }
}

/** Undefined: the call needs none, it goes to a SIP address or to phones that registered. */
export function gatewayOf(context: AgentContext, job: Job): string | undefined {
  if (accountOf(job, '0') !== undefined) return undefined
  if (job.kind === 'asp-call') return gatewayFor(context, job.callProvider)
  if (job.kind === 'load-test') return job.target.kind === 'sip' ? undefined : job.gateway
  return job.target?.kind === 'number' ? context.settings.gateway : undefined
}

function gatewayFor(context: AgentContext, provider: string): GatewayName {
  const { gateways, gateway } = context.settings
  return assertAllowed(parseGatewayName(Object.hasOwn(gateways, provider) ? gateways[provider] : gateway))
}
