// The runtime's tracing channels, as ioredis asks them.
import { expect, test } from 'bun:test'
import { tracingChannel } from 'node:diagnostics_channel'
import { teachTracingChannels } from '../../src/redis/tracing.ts'

test('a tracing channel says whether anybody subscribes', () => {
  teachTracingChannels()
  const channel = tracingChannel('hookswitch:test')
  expect(channel.hasSubscribers).toBe(false)
  const tracer = { start: () => {}, end: () => {}, asyncStart: () => {}, asyncEnd: () => {}, error: () => {} }
  channel.subscribe(tracer)
  expect(channel.hasSubscribers).toBe(true)
  channel.unsubscribe(tracer)
  expect(channel.hasSubscribers).toBe(false)
})
