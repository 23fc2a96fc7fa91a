// Reads the command line: the program, its help, and the commands that only look. Values pass the same allow-lists
// here as at the agent, so that a slip of the finger is answered at once. What comes out is an order, or an exit code
// when there is nothing to do (help, or a mistake, told already). Nothing is done here.
import { Command, CommanderError, Help } from 'commander'
import { version } from '../../package.json'
import { type Parsed, parseDialId, parseOrgId, parseUserId } from '../esl/allow.ts'
import { checked, type Give, type Options } from './arguments.ts'
import { describeControls } from './controlCommands.ts'
import { EXIT_CODES } from './ending.ts'
import { describeExaminations } from './examineCommands.ts'
import { AFTER_HELP, EXAMPLES } from './help.ts'
import { describeJobs } from './jobCommands.ts'
import type { Order } from './order.ts'
import { type Terminal, tinted } from './terminal.ts'

export type Reading = { kind: 'order'; order: Order } | { kind: 'exit'; code: number }

/** Reads the arguments after the program's name. Help goes to standard output, mistakes to standard error.
 *  @param newDialId an id for a call whose caller gave none. */
export function readCommandLine(
  argv: readonly string[],
  terminal: Terminal,
  newDialId: () => string,
): Reading {
  let order: Order | undefined
  const program = describeProgram(terminal, newDialId, given => {
    order = given
  })
  try {
    program.parse(argv, { from: 'user' })
  } catch (thrown) {
    if (!(thrown instanceof CommanderError)) throw thrown
    if (thrown.code === 'commander.unknownCommand')
      terminal.err(`All commands: ${terminal.program} --help. The service itself is started with npm start.`)
    return { kind: 'exit', code: thrown.exitCode === 0 ? EXIT_CODES.done : EXIT_CODES.usage }
  }
  return order ? { kind: 'order', order } : { kind: 'exit', code: EXIT_CODES.usage }
}

const PLAIN_HELP = new Help()

function describeProgram(terminal: Terminal, newDialId: () => string, give: Give): Command {
  const program = new Command('hookswitch')
  const write = (line: (text: string) => void) => (text: string) => line(text.replace(/\n$/, ''))
  program
    .description('Makes calls and steers them by way of Redis, as a backend does.')
    .exitOverride()
    .configureOutput({
      writeOut: write(terminal.out),
      writeErr: write(terminal.err),
      getOutHelpWidth: () => terminal.columns,
      getErrHelpWidth: () => terminal.columns,
      getOutHasColors: () => terminal.hasColour,
      getErrHasColors: () => terminal.hasColour,
    })
    .configureHelp({
      styleTitle: title => tinted(terminal, 'bold', title),
      subcommandTerm: command =>
        [command.name(), ...command.registeredArguments.map(each => `<${each.name()}>`)].join(' '),
      optionDescription: option =>
        `${PLAIN_HELP.optionDescription(option)}${option.mandatory ? ' (required)' : ''}`,
    })
    .version(version, '-V, --version', 'print the version')
    .helpCommand(false)
    .addHelpText('after', AFTER_HELP)

  program.commandsGroup('Make a call:')
  describeJobs(program, newDialId, give)
  program.commandsGroup('Steer a call:')
  describeControls(program, give)
  program.commandsGroup('Look:')
  describeLooks(program, give)
  program.commandsGroup('Examine:')
  describeExaminations(program, give)
  for (const command of program.commands) {
    const examples = EXAMPLES[command.name()]
    if (examples) command.addHelpText('after', `\nExample:\n${examples.map(each => `  ${each}`).join('\n')}`)
  }
  return program
}

function describeLooks(program: Command, give: Give): void {
  program
    .command('watch')
    .description('follow a call until it has ended, or Ctrl-C')
    .argument('<dial_id>', 'the call; it need not have begun', checked(parseDialId))
    .option('--follow', 'go on after its end, until Ctrl-C')
    .option('--json', 'print each message as JSON: {at, channel, message}')
    .action((dialId: string, { follow, json }: Options) =>
      give({ kind: 'watch', dialId, isFollowing: follow === true, isJson: json === true }),
    )
  program
    .command('timeline')
    .description("why didn't my phone ring? everything known of one call, or the calls of an account")
    .argument('<id>', 'a call id, a dial id or an account', checked(parseTimelineId))
    .option('--json', 'print it as JSON, as GET /api/timeline has it')
    .action((id: string, { json }: Options) => give({ kind: 'timeline', id, isJson: json === true }))
  program
    .command('calls')
    .description('list the living calls, and the jobs that wait for an agent')
    .option('--json', 'print each call as JSON; a job that waits has waits_in')
    .action(({ json }: Options) => give({ kind: 'calls', isJson: json === true }))
  program
    .command('history')
    .description("print the events of a user's newest call, oldest first")
    .argument('<org>', 'organisation', checked(parseOrgId))
    .argument('<user>', 'user', checked(parseUserId))
    .option('--json', 'print each event as JSON')
    .action((orgId: string, userId: string, { json }: Options) =>
      give({ kind: 'history', orgId, userId, isJson: json === true }),
    )
}

/** A PBX's call ids are its own text, so only what nobody can have sent is refused. */
const parseTimelineId = (text: unknown): Parsed<string> =>
  typeof text === 'string' && /^[\x21-\x7e]{1,512}$/.test(text)
    ? { ok: true, value: text }
    : { ok: false, failure: 'must be 1 to 512 printable characters without blanks' }
