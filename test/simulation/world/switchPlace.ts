// A switch in the simulated world: the test switch as it is, listening on the simulated network, with all that it does
// in its own process.

import { PHONES } from '../../switch/people.ts'
import { settingsOf } from '../../switch/settings.ts'
import { TestSwitch } from '../../switch/testSwitch.ts'
import type { Process } from '../machine/process.ts'
import type { Machine } from '../machine/runtime.ts'
import type { History } from './history.ts'

export const GATEWAY = 'talk_call_provider'
export const SWITCH_PASSWORD = 'ClueCon'
/** Where the test switch listens; each has a port of its own. */
export const SWITCH_HOST = '127.0.0.1'
const FIRST_PORT = 8021

export class SwitchPlace {
  readonly name: string
  readonly process: Process
  readonly testSwitch: TestSwitch
  readonly port: number
  readonly #machine: Machine

  constructor(machine: Machine, index: number, history: History) {
    this.#machine = machine
    this.name = `switch-${index}`
    this.port = FIRST_PORT + index
    this.process = machine.spawn(this.name)
    this.testSwitch = machine.schedule.as(
      this.process,
      () =>
        new TestSwitch(
          settingsOf({
            port: this.port,
            gateways: { [GATEWAY]: 'up' },
            clock: Date.now,
            random: Math.random,
            newUuid: () => crypto.randomUUID(),
            onRecord: record => history.add(this.name, { kind: 'switch', switch: this.name, record }),
          }),
        ),
    )
    for (const [suffix, does] of Object.entries(PHONES)) this.testSwitch.phone(`*${suffix}`, does)
    // Orders that a real switch shows in several ways are drawn by chance all the time.
    this.testSwitch.set({ shuffleRaces: true, skipProgress: 0.1 })
  }

  /** How agents' lines to it are named. */
  get place(): string {
    return `${SWITCH_HOST}:${this.port}`
  }

  /** Does something to it in a turn of its own. */
  do(act: (testSwitch: TestSwitch) => unknown): void {
    this.#machine.schedule.after(0, this.process, () => void act(this.testSwitch))
  }
}
