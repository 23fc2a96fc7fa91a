// Who owned which call when, as Redis had it: looked at after each script, as only scripts give calls to owners.
import { callKey } from '../../../src/redis/keys.ts'
import type { Database } from '../redis/database.ts'

export class Owners {
  /** By dial id: each owner from its time on; the last one stays when the call is over. */
  readonly #changes = new Map<string, { who: string; atMs: number }[]>()
  readonly #keys: [dialId: string, key: string][]

  constructor(dialIds: readonly string[]) {
    this.#keys = dialIds.map(dialId => [dialId, callKey(dialId)])
  }

  look(db: Database, nowMs: number): void {
    for (const [dialId, key] of this.#keys) {
      const record = db.find(key)
      const who = record?.type === 'hash' ? record.fields.get('owner') : undefined
      if (who === undefined) continue
      const changes = this.#changes.get(dialId) ?? []
      if (changes.length === 0) this.#changes.set(dialId, changes)
      if (changes.at(-1)?.who !== who) changes.push({ who, atMs: nowMs })
    }
  }

  /** Who owns the call at that time, or owned it last. */
  at(dialId: string, atMs: number): string | undefined {
    return this.#changes.get(dialId)?.findLast(change => change.atMs <= atMs)?.who
  }

  /** Whether somebody owned it at any time between the two. */
  wasOwner(dialId: string, who: string, { fromMs, untilMs }: { fromMs: number; untilMs: number }): boolean {
    const changes = this.#changes.get(dialId) ?? []
    return changes.some((change, at) => {
      const endMs = changes[at + 1]?.atMs ?? Number.POSITIVE_INFINITY
      return change.who === who && change.atMs <= untilMs && endMs > fromMs
    })
  }

  /** Whether another took it from that one between the two. */
  isLostBy(dialId: string, who: string, { fromMs, untilMs }: { fromMs: number; untilMs: number }): boolean {
    const changes = this.#changes.get(dialId) ?? []
    return changes.some(({ atMs }, at) => changes[at - 1]?.who === who && atMs >= fromMs && atMs <= untilMs)
  }
}
