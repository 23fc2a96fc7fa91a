// A lease: one holder at a time, who renews it; when it dies the lease runs out and another takes it. Losing Redis
// for longer than the lease means losing the lease, and the holder is told so even when it can't ask.

import type { Log } from '../../base/log.ts'
import { messageOf } from '../../base/result.ts'
import type { RedisConnection } from '../connect.ts'
import { bindScript, type Script } from '../scripts.ts'
import leaseDropLua from './leaseDrop.lua' with { type: 'text' }
import leaseHoldLua from './leaseHold.lua' with { type: 'text' }

export interface LeaseOptions {
  key: string
  holder: string
  leaseMs: number
  onGained: () => void
  onLost: () => void
  log: Log
}

export interface Lease {
  readonly isHeld: boolean
  /** Gives it up, so that another gains it at once rather than when it runs out. */
  drop(): Promise<void>
}

/** A renewal may be missed once before the lease runs out. */
const RENEWALS_PER_LEASE = 3

/** Competes for a lease until dropped. */
export type HoldLease = (options: LeaseOptions) => Lease

/** Binds the leases' scripts to a connection, before its first command. */
export function openLeases(redis: RedisConnection): HoldLease {
  const hold = bindScript(redis, 'leaseHold', leaseHoldLua)
  const dropScript = bindScript(redis, 'leaseDrop', leaseDropLua)
  return options => holdLease(hold, dropScript, options)
}

function holdLease(hold: Script, dropScript: Script, options: LeaseOptions): Lease {
  const { key, holder, leaseMs, log } = options
  let isHeld = false
  let renewedAtMs = 0
  let isDropped = false

  const change = (holds: boolean) => {
    if (holds === isHeld) return
    isHeld = holds
    if (holds) options.onGained()
    else options.onLost()
  }

  async function renew(): Promise<void> {
    const askedAtMs = performance.now()
    try {
      const holds = (await hold([key], [holder, leaseMs])) === 1
      if (isDropped) return
      if (holds) renewedAtMs = askedAtMs
      change(holds)
    } catch (thrown) {
      log.debug({ reason: messageOf(thrown) }, 'lease not renewed')
      if (performance.now() - renewedAtMs > leaseMs) change(false)
    }
  }

  void renew()
  const timer = setInterval(() => void renew(), leaseMs / RENEWALS_PER_LEASE)

  return {
    get isHeld() {
      return isHeld
    },
    async drop() {
      isDropped = true
      clearInterval(timer)
      isHeld = false
      try {
        await dropScript([key], [holder])
      } catch (thrown) {
        log.debug({ reason: messageOf(thrown) }, 'lease not dropped; it runs out by itself')
      }
    },
  }
}
