// Makes the command that dials a job: which gateway, which profile, which prefix of headers the settings name for it.
// Everything in it has passed its allow-list; a setting that does not throws.

import { assertNever } from '../../base/result.ts'
import {
  type GatewayName,
  parseChannelUuid,
  parseGatewayName,
  parseHeaderPrefix,
  parseProfileName,
} from '../../esl/allow.ts'
import { assertAllowed } from '../../esl/assertAllowed.ts'
import type { EslCommand } from '../../esl/command.ts'
import { originateAsp, originateBot, originateLoadTest } from '../../esl/originate.ts'
import type { AgentContext } from '../agent/context.ts'
import { type Call, CLAIM_FIELD } from '../call/call.ts'
import type { Job } from './job.ts'

/** The one command that makes a job's call. */
export function originateOf(context: AgentContext, job: Job, call: Call): EslCommand {
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
    case 'asp-call':
      return originateAsp({
        ...job,
        claim,
        gateway: gatewayFor(context, job.callProvider),
        headerPrefix,
        ringTimeoutSeconds,
        caller: { number: job.callerNumber, callerId: job.callerIdLegA, channelUuid },
        callee: {
          number: job.calleeNumber,
          callerId: job.callerIdLegB,
          channelUuid: assertAllowed(parseChannelUuid(call.b?.channelUuid)),
        },
      })
    case 'bot-call': {
      const { credentials, ...rest } = job
      return originateBot({
        ...rest,
        claim,
        ...routes,
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

/** Undefined: the call needs none, it goes to a SIP address. */
export function gatewayOf(context: AgentContext, job: Job): string | undefined {
  if (job.kind === 'asp-call') return gatewayFor(context, job.callProvider)
  if (job.target.kind === 'sip') return undefined
  return job.kind === 'load-test' ? job.gateway : context.settings.gateway
}

function gatewayFor(context: AgentContext, provider: string): GatewayName {
  const { gateways, gateway } = context.settings
  return assertAllowed(parseGatewayName(Object.hasOwn(gateways, provider) ? gateways[provider] : gateway))
}
