// Background jobs whose result has not come yet, by our own Job-UUID. A result may come before the reply that accepts
// the job, so a job is put down here before it is sent. Results arrive as events; this file neither sends nor listens.
import { assert } from '../base/result.ts'
import type { CommandOutcome } from './outcome.ts'

interface Job {
  settle(outcome: CommandOutcome): void
  timer: ReturnType<typeof setTimeout>
}

export class JobTable {
  readonly #jobs = new Map<string, Job>()

  get size(): number {
    return this.#jobs.size
  }

  /** Waits for one job's result, at most `timeoutMs`. Never rejects. @throws when that job is waited for already. */
  add(jobUuid: string, timeoutMs: number): Promise<CommandOutcome> {
    assert(!this.#jobs.has(jobUuid), 'a job id is used once')
    return new Promise(resolve => {
      const timer = setTimeout(() => this.settle(jobUuid, { kind: 'timeout' }), timeoutMs)
      this.#jobs.set(jobUuid, { settle: resolve, timer })
    })
  }

  /** @returns false when nobody waits for that job: another agent's, or one whose time was over. */
  settle(jobUuid: string, outcome: CommandOutcome): boolean {
    const job = this.#jobs.get(jobUuid)
    if (!job) return false
    this.#jobs.delete(jobUuid)
    clearTimeout(job.timer)
    job.settle(outcome)
    return true
  }

  settleAll(outcome: CommandOutcome): void {
    for (const jobUuid of [...this.#jobs.keys()]) this.settle(jobUuid, outcome)
  }
}
