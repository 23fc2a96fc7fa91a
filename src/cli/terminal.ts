// What a command writes to, and how it looks: lines, colours where a person reads them, and the Ctrl-C that ends a
// watch. Tests pass one that collects.
import { printableLine } from '../base/printable.ts'

export interface Terminal {
  /** A line of standard output: what was asked for. */
  out(line: string): void
  /** A line of standard error: everything else. */
  err(line: string): void
  hasColour: boolean
  /** Width for the help. */
  columns: number
  /** Aborted by Ctrl-C. */
  interrupted: AbortSignal
  /** How the person started the command line, for lines that tell what to type next. */
  program: string
}

/** In a checkout the command line is a script of npm's; anywhere else it is a program. npm tells its scripts' names. */
export const programOf = (env: Record<string, string | undefined>): string =>
  env.npm_lifecycle_event === 'cli' ? 'npm run -s cli --' : 'hookswitch'

export type Tone = 'plain' | 'dim' | 'bold' | 'red' | 'green' | 'yellow' | 'cyan'

/** ECMA-48, SGR. */
const SGR: Record<Tone, number> = { plain: 0, dim: 2, bold: 1, red: 31, green: 32, yellow: 33, cyan: 36 }

/** The text in a tone, where the terminal has colours. */
export const tinted = ({ hasColour }: Pick<Terminal, 'hasColour'>, tone: Tone, text: string): string =>
  hasColour && tone !== 'plain' ? `\x1b[${SGR[tone]}m${text}\x1b[0m` : text

/** The same terminal without control characters: a line may hold text of strangers, which must not steer the terminal. */
export function cleaned(terminal: Terminal): Terminal {
  const clean = (line: string): string => printableLine(line, terminal)
  return {
    ...terminal,
    interrupted: terminal.interrupted,
    out: line => terminal.out(clean(line)),
    err: line => terminal.err(clean(line)),
  }
}
