// The test switch as a process: bun test/switch/main.ts [--port 8021] [--control-port 0] ... Prints one line of JSON
// with its ports once it is ready, and ends at SIGTERM. The record can be kept in a file, a line for each entry,
// written at once, so that it survives even a kill -9.

import { openSync, writeSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { serveControl } from './control.ts'
import type { PhoneBehaviour } from './phones.ts'
import type { GatewayState, TestSwitchOptions } from './settings.ts'
import { startTestSwitch } from './testSwitch.ts'

const USAGE = `bun test/switch/main.ts
  --port N              the event socket, default 8021, 0 = any
  --control-port N      the control port, default 0 = any
  --password TEXT       default ClueCon
  --gateway NAME        a gateway that is up; may be repeated; default talk_call_provider
  --phones JSON         {"15105620001": {"kind": "busy"}, "*777": {"kind": "no-answer"}}
  --files JSON          {"/path/of.wav": 3} sound files and their seconds
  --ms-per-second N     how long the switch's second lasts, default 1000
  --answer-after-ms N   how long a phone rings, default 10
  --tick-ms N           the pause between two threads' steps, default 1
  --bulky               events of the real size
  --record FILE         appends every entry of the record to this file`

const { values } = parseArgs({
  options: {
    port: { type: 'string', default: '8021' },
    'control-port': { type: 'string', default: '0' },
    password: { type: 'string' },
    gateway: { type: 'string', multiple: true },
    phones: { type: 'string', default: '{}' },
    files: { type: 'string' },
    'ms-per-second': { type: 'string' },
    'answer-after-ms': { type: 'string' },
    'tick-ms': { type: 'string' },
    bulky: { type: 'boolean', default: false },
    record: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
})

if (values.help) {
  console.log(USAGE)
  process.exit(0)
}

const testSwitch = await startTestSwitch(options())
for (const [destination, behaviour] of Object.entries(
  JSON.parse(values.phones) as Record<string, PhoneBehaviour>,
)) {
  testSwitch.phone(destination, behaviour)
}
const control = serveControl(testSwitch, Number(values['control-port']))
process.once('SIGTERM', () => void end())
process.once('SIGINT', () => void end())
console.log(JSON.stringify({ port: testSwitch.port, controlPort: control.port }))

async function end(): Promise<void> {
  control.stop()
  await testSwitch.close()
}

function options(): TestSwitchOptions {
  const chosen: TestSwitchOptions = { port: Number(values.port), bulky: values.bulky }
  if (values.password !== undefined) chosen.password = values.password
  if (values['ms-per-second'] !== undefined) chosen.msPerSecond = Number(values['ms-per-second'])
  if (values['answer-after-ms'] !== undefined) chosen.answerAfterMs = Number(values['answer-after-ms'])
  if (values['tick-ms'] !== undefined) chosen.tickMs = Number(values['tick-ms'])
  if (values.files !== undefined) chosen.files = JSON.parse(values.files) as Record<string, number>
  if (values.gateway !== undefined) {
    chosen.gateways = Object.fromEntries(values.gateway.map(name => [name, 'up' as GatewayState]))
  }
  if (values.record !== undefined) {
    const file = openSync(values.record, 'a')
    chosen.onRecord = entry => writeSync(file, `${JSON.stringify(entry)}\n`)
  }
  return chosen
}
