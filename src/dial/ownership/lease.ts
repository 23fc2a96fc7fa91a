// An agent's lease on life. While the last renewal is younger than the lease, no agent can have declared us dead, and
// we may act. When it is older (Redis was away, the process was paused), we ask before we act; and once we were
// declared dead we never act again, because somebody else does.
import type { Log } from '../../base/log.ts'
import { messageOf } from '../../base/result.ts'
import type { AgentCard, AgentDirectory } from '../../redis/agents/directory.ts'

export interface LivenessOptions {
  directory: Pick<AgentDirectory, 'renew'>
  card: () => AgentCard
  leaseMs: number
  /** Declared dead: called once. */
  onDeclaredDead: () => void
  log: Log
}

export interface Liveness {
  /** Whether we may act now. False: declared dead, or Redis can't be asked. At once when the lease is fresh. */
  mayAct(): Promise<boolean>
  /** The same, but Redis is always asked: on a machine that was suspended our clock stood still, and the lease looks
   *  fresh. */
  isAlive(): Promise<boolean>
  /** How long our renewals have succeeded without a gap: an agent that was cut off itself declares nobody dead. */
  steadyForMs(): number
  /** Tells a changed card now. */
  renew(): Promise<void>
  stop(): void
}

/** One may be lost before the lease runs out. */
const RENEWALS_PER_LEASE = 2.25

export function startLiveness(options: LivenessOptions): Liveness {
  const { leaseMs, log } = options
  // Monotonic, and it goes on while the process is paused: exactly what a lease needs.
  const nowMs = () => performance.now()
  let renewedAtMs = Number.NEGATIVE_INFINITY
  let steadySinceMs = Number.POSITIVE_INFINITY
  let isDeclaredDead = false

  /** @returns whether Redis says that we live; false also when it can't be asked. */
  async function renew(): Promise<boolean> {
    const askedAtMs = nowMs()
    try {
      const isAlive = await options.directory.renew(options.card(), leaseMs)
      if (isAlive) {
        // Longer than two renewals apart: there was a gap, others may look dead only because of it.
        const hasGap = askedAtMs - renewedAtMs > (2 * leaseMs) / RENEWALS_PER_LEASE
        if (hasGap) steadySinceMs = askedAtMs
        renewedAtMs = Math.max(renewedAtMs, askedAtMs)
        return true
      }
    } catch (thrown) {
      log.debug({ reason: messageOf(thrown) }, 'lease not renewed')
      return false
    }
    if (isDeclaredDead) return false
    isDeclaredDead = true
    clearInterval(timer)
    options.onDeclaredDead()
    return false
  }

  const isFresh = () => !isDeclaredDead && nowMs() - renewedAtMs < leaseMs
  const timer = setInterval(() => void renew(), leaseMs / RENEWALS_PER_LEASE)
  void renew()

  return {
    async mayAct() {
      if (!isFresh()) await renew()
      return isFresh()
    },
    isAlive: renew,
    steadyForMs: () => (isFresh() ? nowMs() - steadySinceMs : 0),
    renew: async () => void (await renew()),
    stop: () => clearInterval(timer),
  }
}
