// The queue in which the tasks of one call run one after the other.
import { expect, test } from 'bun:test'
import { createTaskQueue } from '../../../src/dial/call/taskQueue.ts'

test('a task that throws is lost alone, and told', async () => {
  const told: unknown[] = []
  const done: number[] = []
  const tasks = createTaskQueue(thrown => told.push(thrown))
  tasks.run(async () => {
    throw new Error('a bug')
  })
  tasks.run(async () => void done.push(1))
  await tasks.idle()
  expect(done).toEqual([1])
  expect(told).toEqual([new Error('a bug')])
})
