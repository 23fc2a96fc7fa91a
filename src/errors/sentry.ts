// Sends reports to Sentry by its own core client: no instrumentation, no globals, no context of requests. What leaves is
// name, message and stack of the error and its causes, what was being done, and the log line's fields, all scrubbed.
import { createStackParser, createTransport, type Event, type Transport } from '@sentry/core'
import { nodeStackLineParser, ServerRuntimeClient } from '@sentry/core/server'
import { MS_PER_MINUTE } from '../base/units.ts'
import { createScrubber } from './scrub.ts'
import type { ErrorReportSettings, ErrorReports } from './types.ts'

/** A bug in every call must not become thousands of reports: one report of each kind is enough to see it. */
const REPORTS_A_MINUTE_MAX = 60

const FLUSH_LIMIT_MS = 2_000
const SEND_LIMIT_MS = 5_000

export function createReporter(settings: ErrorReportSettings, thread: string): ErrorReports {
  const scrubber = createScrubber(settings)
  const client = new ServerRuntimeClient({
    dsn: settings.dsn,
    environment: settings.environment,
    release: settings.release,
    serverName: settings.pod,
    platform: 'node',
    runtime: { name: 'bun', version: Bun.version },
    integrations: [],
    sendClientReports: false,
    stackParser: createStackParser(nodeStackLineParser()),
    transport: openTransport,
    beforeSend: event => scrubbed(event),
  })
  client.init()
  let sentThisMinute = 0
  let minuteBeganAtMs = performance.now()

  function scrubbed<Kind extends Event>(event: Kind): Kind {
    if (event.message !== undefined) event.message = scrubber.text(event.message)
    for (const exception of event.exception?.values ?? [])
      if (exception.value !== undefined) exception.value = scrubber.text(exception.value)
    if (event.extra) event.extra = scrubber.value(event.extra) as Record<string, unknown>
    delete event.request
    delete event.user
    delete event.breadcrumbs
    return event
  }

  function isTooMuch(): boolean {
    const nowMs = performance.now()
    if (nowMs - minuteBeganAtMs > MS_PER_MINUTE) {
      minuteBeganAtMs = nowMs
      sentThisMinute = 0
    }
    sentThisMinute += 1
    return sentThisMinute > REPORTS_A_MINUTE_MAX
  }

  return {
    report(thrown, message, fields) {
      if (isTooMuch()) return
      client.captureException(thrown, {
        captureContext: { tags: { thread }, extra: { ...fields, doing: message } },
      })
    },

    async flush() {
      await client.flush(FLUSH_LIMIT_MS)
    },
  }
}

/** Sends by `fetch`, with a time limit; keeps to the rate limits that Sentry's answers name. */
function openTransport(options: Parameters<typeof createTransport>[0] & { url: string }): Transport {
  return createTransport(options, async request => {
    const response = await fetch(options.url, {
      method: 'POST',
      body: request.body,
      signal: AbortSignal.timeout(SEND_LIMIT_MS),
    })
    return {
      statusCode: response.status,
      headers: {
        'x-sentry-rate-limits': response.headers.get('x-sentry-rate-limits'),
        'retry-after': response.headers.get('retry-after'),
      },
    }
  })
}
