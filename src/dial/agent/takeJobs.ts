// Takes jobs for an agent and has each dialled: puts the intake together with what the agent knows, so that a job is taken
// only while it can be dialled, and each job that is in our hands is known by its text.
import type { RedisConnection } from '../../redis/connect.ts'
import { createBag } from '../job/bag.ts'
import { startIntake } from '../job/intake.ts'
import { dialJob } from '../job/placeCall.ts'
import { type AgentContext, letFinish } from './context.ts'

export interface JobTaking extends Pick<ReturnType<typeof startIntake>, 'wake' | 'stop'> {
  /** The lists from which Redis gives no job until somebody mends that. */
  readonly refusedLists: string[]
  /** Resolves when each job that was taken is a call of ours, answered or given back. Never rejects. */
  settled(): Promise<void>
}

/** @param how.mayTake false: what became of earlier calls is not known yet.
 *  @param how.onRefused called when `refusedLists` has changed. */
export function takeJobs(
  context: AgentContext,
  how: { openBlocking: () => RedisConnection; mayTake: () => boolean; onRefused: () => void },
): JobTaking {
  const { link, calls, settings, refusals, log } = context
  /** Jobs that were taken and are neither a call in Redis nor answered yet, by their text. */
  const inHand = createBag()
  const dialling = new Set<Promise<unknown>>()
  let refusedLists: string[] = []

  const intake = startIntake({
    lists: settings.jobLists,
    jobs: context.jobs,
    openBlocking: how.openBlocking,
    canDial: () =>
      link.isReady && !link.isBusy && how.mayTake() && calls.size < settings.callsMax && refusals.mayTake(),
    allowance: context.allowance,
    onJob: taken => {
      inHand.add(taken.text)
      refusals.taken()
      const dialled = dialJob(context, taken)
        .then(({ kind }) => kind !== 'sent' && refusals.notSent())
        .catch(thrown => log.error({ err: thrown }, 'dialling a job failed'))
        .finally(() => {
          inHand.delete(taken.text)
          dialling.delete(dialled)
        })
      dialling.add(dialled)
      letFinish(context, dialled)
    },
    // Of an agent that was declared dead survivors settle everything: a job may stand there with a call of ours, that
    // we have let go of already.
    isKnown: job =>
      context.isDeclaredDead() || inHand.has(job) || calls.all().some(call => call.text === job),
    onRefused: lists => {
      refusedLists = lists
      how.onRefused()
    },
    clock: context.clock,
    log,
  })

  return {
    wake: intake.wake,
    stop: intake.stop,
    async settled() {
      while (dialling.size > 0) await Promise.allSettled(dialling)
    },
    get refusedLists() {
      return refusedLists
    },
  }
}
