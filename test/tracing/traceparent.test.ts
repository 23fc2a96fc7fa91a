// The one header of W3C Trace Context that passes through us: what is read, and what begins a trace of its own.
import { expect, test } from 'bun:test'
import { parseTraceparent, traceparentOf } from '../../src/tracing/traceparent.ts'

const TRACE = '0af7651916cd43dd8448eb211c80319c'
const SPAN = 'b7ad6b7169203331'

test('what it says is read, and written as it was', () => {
  const sampled = `00-${TRACE}-${SPAN}-01`
  expect(parseTraceparent(sampled)).toEqual({ traceId: TRACE, spanId: SPAN, isSampled: true })
  expect(traceparentOf(parseTraceparent(sampled)!)).toBe(sampled)
  expect(parseTraceparent(`00-${TRACE}-${SPAN}-00`)?.isSampled).toBe(false)
  expect(parseTraceparent(`00-${TRACE}-${SPAN}-03`)?.isSampled).toBe(true)
})

test('a later version is read as far as it is known', () => {
  expect(parseTraceparent(`cc-${TRACE}-${SPAN}-01-what-the-future`)?.traceId).toBe(TRACE)
})

for (const bad of [
  undefined,
  null,
  7,
  '',
  'x',
  `ff-${TRACE}-${SPAN}-01`,
  `00-${TRACE.toUpperCase()}-${SPAN}-01`,
  `00-${'0'.repeat(32)}-${SPAN}-01`,
  `00-${TRACE}-${'0'.repeat(16)}-01`,
  `00-${TRACE}-${SPAN}`,
  `00-${TRACE}-${SPAN}-0101`,
  `00-${TRACE}-${SPAN}-01-${'x'.repeat(200)}`,
])
  test(`is none: ${String(bad).slice(0, 60)}`, () => {
    expect(parseTraceparent(bad)).toBeUndefined()
  })
