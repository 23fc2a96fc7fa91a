// The commands that make calls: each becomes a job as a backend would queue it, in the wire's own words. What is not
// said gets a value that does no harm: an organisation and a user of the command line's own, whose history nobody
// else reads.
import type { Command } from 'commander'
import type { WireMessage } from '../backend/sendCommand.ts'
import {
  parseAccount,
  parseCallerId,
  parseChannelUuid,
  parseDialId,
  parseGatewayName,
  parseHeaderText,
  parseLegName,
  parseOrgId,
  parsePhoneNumber,
  parseProviderName,
  parseSipPassword,
  parseSipUsername,
  parseUserId,
} from '../esl/allow.ts'
import {
  controlOf,
  credentialsOf,
  type Give,
  type Options,
  parsed,
  parseTarget,
  timeoutOption,
} from './arguments.ts'

/** Adds these commands to the program. @param newDialId an id for a call whose caller gave none. */
export function describeJobs(program: Command, newDialId: () => string, give: Give): void {
  const aboutJob = (command: Command) =>
    command
      .addOption(parsed('--org <id>', 'organisation, as its history is kept', parseOrgId).default('cli'))
      .addOption(parsed('--user <id>', 'user, as its history is kept', parseUserId).default('cli'))
      .addOption(parsed('--dial-id <id>', 'names the call and its channel (default: a new one)', parseDialId))
      .option('--watch', 'follow the call until it has ended')
      .option('--json', 'print JSON, one object a line')

  const whoseJob = ({ dialId, org, user }: Options) => ({
    dial_id: dialId ?? newDialId(),
    org_id: org!,
    user_id: user!,
  })
  const giveJob = (job: WireMessage & { dial_id: string }, { watch, json }: Options) =>
    give({ kind: 'job', job, isWatched: watch === true, isJson: json === true })

  aboutJob(
    program
      .command('call')
      .description('ring a caller, then connect them to a callee (an asp-call job)')
      .addOption(parsed('--caller <number>', 'who is rung first', parsePhoneNumber))
      .addOption(parsed('--caller-account <account>', 'the same: an app, which is woken', parseAccount))
      .addOption(parsed('--callee <number>', 'who is rung next', parsePhoneNumber))
      .addOption(parsed('--callee-account <account>', 'the same: an app, which is woken', parseAccount))
      .addOption(parsed('--caller-id-a <id>', 'what the caller sees (default: the callee)', parseCallerId))
      .addOption(parsed('--caller-id-b <id>', 'what the callee sees (default: the caller)', parseCallerId))
      .addOption(parsed('--provider <name>', 'chooses the gateway', parseProviderName).default('default')),
  ).action((options: Options, command: Command) => {
    const { caller, callerAccount, callee, calleeAccount } = options
    need(command, '--caller', caller ?? callerAccount)
    need(command, '--callee', callee ?? calleeAccount)
    giveJob(
      {
        type: 'asp-call',
        call_provider: options.provider,
        ...(callerAccount === undefined ? {} : { caller_account: callerAccount }),
        ...(caller === undefined ? {} : { caller_number: caller }),
        ...(calleeAccount === undefined ? {} : { callee_account: calleeAccount }),
        ...(callee === undefined ? {} : { callee_number: callee }),
        caller_id_lega: options.callerIdA ?? callee ?? userOf(calleeAccount),
        caller_id_legb: options.callerIdB ?? caller ?? userOf(callerAccount),
        ...whoseJob(options),
      },
      options,
    )
  })

  aboutJob(
    program
      .command('bot-call')
      .description('ring one phone and park it, ready for a bridge (a bot-call job)')
      .addOption(parsed('--phone <number|sip-uri>', 'who is rung', parseTarget))
      .addOption(parsed('--account <account>', 'the same: an app, which is woken', parseAccount))
      .addOption(parsed('--caller-id <id>', 'what they see', parseCallerId).makeOptionMandatory())
      .addOption(parsed('--sip-username <name>', 'logs in where the SIP URI asks for it', parseSipUsername))
      .addOption(
        parsed('--sip-password <text>', 'with --sip-username; others see it in ps', parseSipPassword),
      )
      .addOption(
        parsed('--core <core_uuid>', 'on this very switch, with an answer', parseChannelUuid).conflicts(
          'watch',
        ),
      )
      .addOption(timeoutOption()),
  ).action((options: Options, command: Command) => {
    const { phone, account } = options
    need(command, '--phone', phone ?? account, '--account')
    const job = {
      type: 'bot-call',
      ...(account === undefined ? {} : { account }),
      ...(phone === undefined ? {} : { phone_number: phone }),
      caller_id: options.callerId,
      ...credentialsOf(options, command),
      ...whoseJob(options),
    }
    if (options.core === undefined) return giveJob(job, options)
    give(controlOf({ kind: 'switch', coreUuid: options.core }, job, options))
  })

  aboutJob(
    program
      .command('load-test')
      .description('ring one phone as a load test does (agents need RED_MODE=load-test)')
      .addOption(parsed('--phone <number|sip-uri>', 'who is rung', parseTarget).makeOptionMandatory())
      .addOption(parsed('--leg <name>', 'the side that its events name', parseLegName).default('0'))
      .addOption(parsed('--gateway <name>', 'through which gateway', parseGatewayName).makeOptionMandatory())
      .addOption(parsed('--crm <text>', 'header X-Dialpad-CRM', parseHeaderText).default('none'))
      .addOption(
        parsed('--parent-call-id <text>', 'header X-Dialpad-ParentCallId', parseHeaderText).default('none'),
      )
      .addOption(
        parsed('--callee-name <text>', 'header X-Dialpad-CalleeName', parseHeaderText).default('none'),
      )
      .addOption(parsed('--target-key <text>', 'header X-Dialpad-TargetKey', parseHeaderText).default('none'))
      .addOption(parsed('--topic <text>', 'header X-Dialpad-Topic', parseHeaderText).default('none')),
  ).action((options: Options) =>
    giveJob(
      {
        type: 'load-test',
        phone_number: options.phone,
        leg: options.leg,
        gateway: options.gateway,
        dialpad_crm: options.crm,
        parent_callid: options.parentCallId,
        callee_name: options.calleeName,
        target_key: options.targetKey,
        topic: options.topic,
        ...whoseJob(options),
      },
      options,
    ),
  )
}

/** A side is a number, an account, or both. */
function need(
  command: Command,
  option: string,
  given: string | undefined,
  account = `${option}-account`,
): void {
  if (given === undefined) command.error(`error: ${option} or ${account} is required`)
}

/** An account's name, as the other side sees it. */
const userOf = (account: string | undefined): string | undefined => account?.split('@')[0]
