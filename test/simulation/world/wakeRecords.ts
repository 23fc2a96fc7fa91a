// What Redis had of each wake when: looked at after each script, as only scripts change it.
import { type WakeId, wakeKey } from '../../../src/redis/keys.ts'
import { wakeNameOf } from '../../../src/redis/wakes/uniqueKeys.ts'
import type { Database } from '../redis/database.ts'

/** A wake's record from some time on. A call id that is used again has another wake, by another name. */
export interface WakeChange {
  atMs: number
  wake: number
  state: string
  reason: string
  device: string
  /** Requests that waited. */
  waiters: number
}

export class WakeRecords {
  readonly #changes = new Map<string, WakeChange[]>()
  readonly #keys: string[]

  constructor(wakes: readonly WakeId[]) {
    this.#keys = [...new Set(wakes.map(wakeKey))]
  }

  look(db: Database, nowMs: number): void {
    for (const key of this.#keys) {
      const record = db.find(key)
      if (record?.type !== 'hash') continue
      const { fields } = record
      const [state = '', secret = '', waiters = ''] = [
        fields.get('state'),
        fields.get('secret'),
        fields.get('waiters'),
      ]
      const changes = this.#changes.get(key) ?? []
      if (changes.length === 0) this.#changes.set(key, changes)
      const last = changes.at(-1)
      const count = waiters === '' ? 0 : waiters.split('\n').length
      const [reason = '', device = ''] = [fields.get('reason'), fields.get('device')]
      const wake = wakeNameOf(secret)
      const isNews =
        !last ||
        last.wake !== wake ||
        last.state !== state ||
        last.device !== device ||
        last.waiters !== count
      if (isNews) changes.push({ atMs: nowMs, wake, state, reason, device, waiters: count })
    }
  }

  of(wake: WakeId): readonly WakeChange[] {
    return this.#changes.get(wakeKey(wake)) ?? []
  }
}
