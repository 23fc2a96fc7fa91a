// An agent's worker thread: opens one agent, relays its counts and its health to the main thread, and ends when it
// has been drained.

import { openLog } from '../src/base/log.ts'
import { openAgent } from '../src/dial/agent/agent.ts'
import { createAgentCounts } from '../src/dial/agent/counts.ts'
import type { AgentSettings, FromAgent, ToAgent } from '../src/dial/agent/messages.ts'
import { openErrorReports, reportUncaught } from '../src/errors/reports.ts'
import { openTracer } from '../src/tracing/tracer.ts'

declare const self: Worker

const send = (message: FromAgent) => self.postMessage(message)
const tally = createAgentCounts(send)
let agent: Promise<ReturnType<typeof openAgent>> | undefined

self.onmessage = async (event: MessageEvent<ToAgent>) => {
  const message = event.data
  if (message.kind === 'open') {
    agent = open(message.settings)
    return
  }
  if (message.kind === 'apps') return (await agent)?.setAppNames(message.appNames)
  await (await agent)?.drain()
  tally.flush()
  send({ kind: 'drained' })
  self.onmessage = null
}

async function open(settings: AgentSettings): Promise<ReturnType<typeof openAgent>> {
  const errorReports = openErrorReports(settings.errorReports, 'agent')
  const log = openLog(settings.log, 'agent', errorReports?.report)
  if (errorReports) reportUncaught(errorReports, log)
  return openAgent({
    settings,
    tracer: await openTracer(settings.tracing),
    count: tally.count,
    observe: tally.observe,
    onDeclaredDead: () => {
      tally.flush()
      // The pool starts another under a new name.
      process.exit(1)
    },
    onHealth: tally.health,
    onIncident: tally.incident,
    clock: Date.now,
    random: Math.random,
    log: log.child({ agent: settings.agent, switch: settings.switch.name }),
  })
}
