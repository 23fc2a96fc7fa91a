// An agent's worker thread: opens one agent, relays its counts and its health to the main thread, and ends when it
// has been drained.
import { openAgent } from '../src/dial/agent.ts'
import type { FromAgent, ToAgent } from '../src/dial/agentMessages.ts'
import { createTally } from '../src/dial/tally.ts'
import { openLog } from '../src/log.ts'

declare const self: Worker

const send = (message: FromAgent) => self.postMessage(message)
const tally = createTally(send)
let agent: ReturnType<typeof openAgent> | undefined

self.onmessage = async (event: MessageEvent<ToAgent>) => {
  const message = event.data
  if (message.kind === 'open') {
    const { settings } = message
    agent = openAgent({
      settings,
      count: tally.count,
      onBuried: () => {
        tally.flush()
        // The pool starts another under a new name.
        process.exit(1)
      },
      onHealth: tally.health,
      clock: Date.now,
      random: Math.random,
      log: openLog(settings.log, 'agent').child({ agent: settings.agent, switch: settings.switch.name }),
    })
    return
  }
  await agent?.drain()
  tally.flush()
  send({ kind: 'drained' })
  self.onmessage = null
}
