// Runs one call's tasks one after another: publishing an event, answering a control message. A control message's
// answer is so published before the events that the command causes, whatever order the switch's frames come in. A task
// that throws is a bug of that task: it is told of, and the next one runs.

export interface TaskQueue {
  /** Queues a task; an idle queue runs it at once, in this same turn. */
  run(task: () => Promise<void>): void
  /** Resolves when everything queued so far is done. */
  idle(): Promise<void>
  readonly size: number
}

/** @param onThrown a task threw; it is lost, and no other with it. */
export function createTaskQueue(onThrown: (thrown: unknown) => void): TaskQueue {
  const queue: (() => Promise<void>)[] = []
  let waiting: (() => void)[] = []

  async function drain(): Promise<void> {
    while (queue.length > 0) {
      try {
        await queue[0]!()
      } catch (thrown) {
        onThrown(thrown)
      }
      queue.shift()
    }
    const resolvers = waiting
    waiting = []
    for (const resolve of resolvers) resolve()
  }

  return {
    run(task) {
      if (queue.push(task) === 1) void drain()
    },
    idle: () => (queue.length === 0 ? Promise.resolve() : new Promise(resolve => waiting.push(resolve))),
    get size() {
      return queue.length
    },
  }
}
