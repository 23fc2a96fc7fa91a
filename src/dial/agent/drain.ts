// How an agent stops: it takes nothing new, gives its calls to others or keeps them until they end, says what is still to
// be said, and leaves the directory. Work that needs Redis is waited for only while Redis answers. What is left
// then stands under the agent's name, and the agent that declares this one dead settles it. Connections are not closed here.

import { messageOf } from '../../base/result.ts'
import { MS_PER_SECOND } from '../../base/units.ts'
import type { AgentDirectory } from '../../redis/agents/directory.ts'
import type { RedisConnection } from '../../redis/connect.ts'
import type { AgentContext } from './context.ts'
import { watchRedis } from './redisWatch.ts'

/** A drain looks at its calls when one ends; this is only how often it tells the log. */
const DRAIN_NOTE_MS = 30 * MS_PER_SECOND

/** Between two offers of the same calls. */
export const OFFER_AGAIN_MS = 5 * MS_PER_SECOND

/** A stopping agent waits this long for the calls that it has begun to take over. After that other agents find those calls
 *  under its name. */
const STOP_TAKING_MAX_MS = 10 * MS_PER_SECOND

/** For each further step of an agent without calls. The longest is a job that was taken and waits for its turn, a minute at most; a
 *  Redis that answers and refuses every write would otherwise keep the agent for ever. */
const STEP_MAX_MS = 70 * MS_PER_SECOND

export interface DrainOptions {
  context: AgentContext
  commands: RedisConnection
  /** Takes no job and no dead agent's call any more. @returns false when a job may still come to lie under our name. */
  stopTaking: () => Promise<boolean>
  /** Gives what is ours to others, as far as they take it. Never rejects. */
  offerAll: () => Promise<void>
  /** Resolves when the last call is gone; there is one now. */
  quiet: () => Promise<void>
  /** Resolves when nothing more can become ours, and we hold all that is: jobs in hand, and what others hand over to us.
   *  Never rejects. */
  holdOwn: () => Promise<void>
  releaseSwitchChannel: () => Promise<void>
}

/** @returns whether nothing is left that somebody else must look after. */
export async function drainAgent(options: DrainOptions): Promise<boolean> {
  const { context, commands } = options
  const { calls, log } = context
  const redis = watchRedis(commands, log)
  const note = setInterval(() => log.info({ calls: calls.size }, 'draining: calls go on'), DRAIN_NOTE_MS)
  const isIntakeSettled = await whileRedisAnswers(options.stopTaking(), STOP_TAKING_MAX_MS)
  let isFinished: true | undefined
  do {
    await giveAwayCalls()
    await whileRedisAnswers(options.holdOwn())
    // Until then a bot call may be ordered on the switch's channel.
    if (calls.size === 0) await whileRedisAnswers(options.releaseSwitchChannel())
    if (calls.size === 0) isFinished = await whileRedisAnswers(finish(context).then(() => true))
  } while (calls.size > 0)
  clearInterval(note)
  redis.close()
  return isFinished === true && isIntakeSettled === true

  /** Resolves when we hold no call. Until then they are offered to others again and again: a successor may come up only
   *  now, and Redis may be away. */
  async function giveAwayCalls(): Promise<void> {
    let again: Timer | undefined
    const offer = async () => {
      await options.offerAll()
      if (calls.size > 0) again = setTimeout(offer, OFFER_AGAIN_MS)
    }
    await whileRedisAnswers(offer())
    if (calls.size > 0) await options.quiet()
    clearTimeout(again)
  }

  /** @returns what came of it; undefined when Redis is away, or the step takes too long. */
  async function whileRedisAnswers<Done>(
    work: Promise<Done>,
    limitMs = STEP_MAX_MS,
  ): Promise<Done | undefined> {
    const { promise: isLate, resolve: giveUp } = Promise.withResolvers<void>()
    const limit = setTimeout(() => {
      log.warn('a stop takes too long: what is left is left to others')
      giveUp()
    }, limitMs)
    const outcome = await Promise.race([work.then(value => ({ value })), redis.away(), isLate])
    clearTimeout(limit)
    return outcome?.value
  }
}

/** Resolves when what was begun is done and said, which waits for Redis if that is away. */
async function finish({ unfinished }: AgentContext): Promise<void> {
  while (unfinished.size > 0) await Promise.allSettled(unfinished)
}

/** The same for an agent that was declared dead: others settle the rest, and its place is wanted for another one. */
export async function finishInTime(context: AgentContext): Promise<void> {
  await Promise.race([finish(context), Bun.sleep(STEP_MAX_MS)])
}

/** An agent that leaves nothing behind takes its name out of the directory. Otherwise another agent declares it dead, and
 *  first settles what it has left. */
export async function leaveDirectory(context: AgentContext, directory: AgentDirectory): Promise<void> {
  const { agent, store, switchChannels, jobs, settings, log } = context
  try {
    const left = [
      ...(await store.ownedBy(agent)),
      ...(await switchChannels.ownedBy(agent)),
      ...(await Promise.all(settings.jobLists.map(list => jobs.inFlight(list)))).flat(),
    ]
    if (left.length === 0) await directory.remove(agent)
    else log.warn({ count: left.length }, 'something is left under this name: others see to it')
  } catch (thrown) {
    log.debug({ reason: messageOf(thrown) }, 'still in the directory: others remove it')
  }
}
