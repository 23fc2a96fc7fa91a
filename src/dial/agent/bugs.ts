// Tells of an exception that is a bug: an error in the log, and a count. It costs one job, message, call or task. Nothing
// is repaired here; the code that caught the exception answers the job or the message.

import type { AgentContext } from './context.ts'

/** The kind of thing that the bug cost: the metric's label. */
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
