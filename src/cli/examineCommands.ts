// The commands that examine rather than steer: the doctor, and the settings as documents.
import { type Command, Option } from 'commander'
import { MS_PER_SECOND } from '../base/units.ts'
import { type Give, type Options, timeoutOption } from './arguments.ts'

/** An examination of something that works ends sooner. */
const DOCTOR_TIMEOUT_SECONDS = 20

/** Adds these commands to the program. */
export function describeExaminations(program: Command, give: Give): void {
  program
    .command('doctor')
    .description('examine settings, Redis, switches and push keys; say what to mend')
    .option('--strict', 'exit with 1 for a warning, too')
    .option('--json', 'print each finding as JSON: {part, check, level, what, todo}')
    .addOption(timeoutOption('how long each part may take').default(DOCTOR_TIMEOUT_SECONDS))
    .action(({ json, strict, timeout = DOCTOR_TIMEOUT_SECONDS }: Options & { strict?: boolean }) =>
      give({
        kind: 'doctor',
        isJson: json === true,
        isStrict: strict === true,
        timeoutMs: timeout * MS_PER_SECOND,
      }),
    )
  program
    .command('settings')
    .description('print all settings with their defaults and meanings')
    .addOption(
      new Option('--format <format>', 'as which document').choices(['markdown', 'env']).default('env'),
    )
    .action(({ format }: { format: 'markdown' | 'env' }) => give({ kind: 'settings', format }))
}
