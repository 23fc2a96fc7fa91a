// The commands that steer a call: each becomes a control message on the call's channel (or the switch's, for a
// bridge), which gets one answer.
import type { Command } from 'commander'
import type { WireMessage } from '../backend/sendCommand.ts'
import {
  parseCallerId,
  parseChannelUuid,
  parseDialId,
  parseMediaPath,
  parseSipPassword,
  parseSipUsername,
} from '../esl/allow.ts'
import {
  checked,
  controlOf,
  credentialsOf,
  type Give,
  type Options,
  parsed,
  parseTarget,
  timeoutOption,
} from './arguments.ts'

/** Adds these commands to the program. */
export function describeControls(program: Command, give: Give): void {
  const onCall = (name: string, about: string) =>
    program
      .command(name)
      .description(about)
      .argument('<dial_id>', 'the call', checked(parseDialId))
      .addOption(timeoutOption())
      .option('--json', 'print the answer as JSON')
  const giveControl = (dialId: string, message: WireMessage, options: Options) =>
    give(controlOf({ kind: 'call', dialId }, message, options))

  onCall('barge', 'let a third phone listen; nobody hears it')
    .argument('<phone>', 'number or SIP URI of who shall listen', checked(parseTarget))
    .addOption(parsed('--caller-id <id>', 'what they see', parseCallerId).makeOptionMandatory())
    .addOption(parsed('--sip-username <name>', 'logs in where the SIP URI asks for it', parseSipUsername))
    .addOption(parsed('--sip-password <text>', 'with --sip-username; others see it in ps', parseSipPassword))
    .action((dialId: string, phone: string, options: Options, command: Command) =>
      giveControl(
        dialId,
        {
          type: 'barge',
          phone_number: phone,
          caller_id: options.callerId,
          ...credentialsOf(options, command),
        },
        options,
      ),
    )
  for (const [name, about] of [
    ['whisper', 'the caller (side 0) alone hears the barger'],
    ['threeway', 'both sides hear the barger'],
    ['mute', 'nobody hears the barger'],
    ['unthreeway', 'the same as mute'],
    ['hangup', 'end the call, or only a barger'],
  ] as const)
    onCall(name, about)
      .option(
        '--barge-id <id>',
        name === 'hangup' ? 'only this barger' : 'which barger (default: the newest)',
      )
      .action((dialId: string, options: Options) =>
        giveControl(dialId, { type: name, barge_id: options.bargeId }, options),
      )
  for (const [name, about] of [
    ['play', 'play a sound to both sides, after what plays now'],
    ['play-now', 'play a sound to both sides instead of what plays now'],
  ] as const)
    describePath(onCall(name, about), (dialId, path, options) =>
      giveControl(dialId, { type: name, path }, options),
    )
  onCall('stop-playback', 'stop all sounds').action((dialId: string, options: Options) =>
    giveControl(dialId, { type: 'stop-playback' }, options),
  )
  for (const [name, about] of [
    ['start-background', 'play a sound under the talk'],
    ['stop-background', 'end that sound'],
  ] as const)
    describePath(onCall(name, about), (dialId, path, options) =>
      giveControl(dialId, { type: name, path }, options),
    )
  program
    .command('bridge')
    .description('connect two parked calls of one switch')
    .argument('<core_uuid>', 'the switch: see calls --json', checked(parseChannelUuid))
    .argument('<dial_id1>', 'one call', checked(parseDialId))
    .argument('<dial_id2>', 'the other', checked(parseDialId))
    .addOption(timeoutOption())
    .option('--json', 'print the answer as JSON')
    .action((coreUuid: string, dialId1: string, dialId2: string, options: Options) =>
      give(
        controlOf(
          { kind: 'switch', coreUuid },
          { type: 'bridge', dial_id1: dialId1, dial_id2: dialId2 },
          options,
        ),
      ),
    )
}

function describePath(command: Command, act: (dialId: string, path: string, options: Options) => void): void {
  command
    .argument('<path>', 'sound file of the switch, or local_stream://…', checked(parseMediaPath))
    .action(act)
}
