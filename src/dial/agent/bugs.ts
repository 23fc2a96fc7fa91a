// Tells of a throw that should not be: it costs the one job, message, call or task in whose way it was, is an error in the
// log and counted. Nothing is mended here; whoever caught it settles what it was about.

import type { AgentContext } from './context.ts'

/** What was lost by it: the metric's label. */
export type LostByBug = 'job' | 'message' | 'takeover' | 'task'

export function tellBug(
  { log, count }: Pick<AgentContext, 'log' | 'count'>,
  what: LostByBug,
  thrown: unknown,
  about: Record<string, string | undefined> = {},
): void {
  log.error({ ...about, err: thrown }, `a ${what} was lost by a bug`)
  count('bugs', what)
}
