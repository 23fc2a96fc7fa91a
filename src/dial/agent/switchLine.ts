// What an agent does when its line to the switch is lost, and when the line is back: its calls' timelines are told, the calls
// are compared with the switch before any job is dialled, and after some seconds without a line they are offered to agents
// whose line stands. The connection itself is made anew by `esl/link.ts`.
import { MS_PER_SECOND } from '../../base/units.ts'
import { switchStatus } from '../../esl/commands.ts'
import { sessionsPerSecondOf } from '../../esl/outcome.ts'
import { loseAll, reconcileAll } from '../follow/reconcile.ts'
import type { AgentContext } from './context.ts'
import { OFFER_AGAIN_MS } from './drain.ts'

/** The link tries to connect several times before our calls are offered to agents whose line stands. */
const LINE_GONE_MS = 3 * MS_PER_SECOND

export interface SwitchLine {
  /** Calls are being compared with the switch: until then no job is taken. */
  readonly isReconciling: boolean
  lost(): void
  /** Resolves when the calls have been compared with the switch. Never rejects. */
  back(coreUuid: string): Promise<void>
  /** Forgets its timers. */
  stop(): void
}

/** @param how.mayOffer false: this agent stops, or was declared dead. */
export function watchSwitchLine(
  context: AgentContext,
  how: { mayOffer: () => boolean; offerAll: () => Promise<void> },
): SwitchLine {
  const { link, calls, settings, timeline, log } = context
  let isReconciling = false
  let orphaned: Timer | undefined
  let lineGone: Timer | undefined

  function stop(): void {
    clearTimeout(orphaned)
    clearTimeout(lineGone)
  }

  async function offerCalls(): Promise<void> {
    if (link.isReady || !how.mayOffer()) return
    await how.offerAll()
    if (!link.isReady && how.mayOffer()) lineGone = setTimeout(offerCalls, OFFER_AGAIN_MS)
  }

  /** Before the first job: a switch that gets more sessions than it takes refuses them, and those calls are lost. */
  async function askPace(): Promise<void> {
    if (settings.callsPerSecond === 0) return
    const status = await link.api(switchStatus())
    context.allowance.limitTo(status.kind === 'ok' ? sessionsPerSecondOf(status.text) : undefined)
  }

  function noteForAll(what: 'switch-lost' | 'switch-back'): void {
    for (const call of calls.all()) timeline.add(call.record.dialId, { what })
  }

  return {
    get isReconciling() {
      return isReconciling
    },

    lost() {
      stop()
      noteForAll('switch-lost')
      orphaned = setTimeout(() => loseAll(context), settings.orphanMaxMs)
      if (how.mayOffer()) lineGone = setTimeout(offerCalls, LINE_GONE_MS)
    },

    async back(coreUuid) {
      stop()
      noteForAll('switch-back')
      isReconciling = true
      try {
        await Promise.all([askPace(), reconcileAll(context, coreUuid)])
      } catch (thrown) {
        log.error({ err: thrown }, 'reconciling with the switch failed')
      } finally {
        isReconciling = false
      }
    },

    stop,
  }
}
