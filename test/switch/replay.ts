// Plays the client's side of a recorded conversation to a test switch and returns what was said on both sides. What
// happened outside the socket (a shutdown, a gateway that dies) is done here at the moment when its first event is due.

import { EslProbe } from './eslProbe.ts'
import type { Misbehaviour } from './settings.ts'
import { startTestSwitch, type TestSwitch } from './testSwitch.ts'
import { type Step, stepsOf, type Utterance, withUuids } from './transcript.ts'

/** A second of the recording takes this long: long enough for a busy machine to keep the order of things. */
const MS_PER_SECOND = 200

export interface ReplayOptions {
  bulky: boolean
  secondLegCompletes?: Misbehaviour['secondLegCompletes']
  /** The switch is killed when everything has been said. */
  isKilledAtEnd?: boolean
}

/** Replays a conversation. @returns the steps of the replay, commands included. */
export async function replay(steps: Step[], options: ReplayOptions): Promise<Step[]> {
  const { bulky, secondLegCompletes = 'usual', isKilledAtEnd = false } = options
  const testSwitch = await startTestSwitch({
    bulky,
    msPerSecond: MS_PER_SECOND,
    answerAfterMs: 5,
    heartbeatSeconds: 1_000,
    gateways: { talk_call_provider: 'up', dead_provider: 'unreachable' },
    onInjection: () => {},
  })
  testSwitch.set({ secondLegCompletes })
  const probe = await EslProbe.connect(testSwitch.port)
  const commands: { text: string; after: number }[] = []
  let expected = 0
  for (const step of steps) {
    // Everything that was said before has been said now too; a race may have brought more.
    await probe.until(() => probe.frames.length >= expected || probe.isClosed)
    if (step.kind === 'command') {
      const text = withUuids(step.text)
      commands.push({ text, after: probe.frames.length })
      probe.send(text)
    } else {
      actOutside(testSwitch, step)
      expected += 1
    }
  }
  await probe.until(() => probe.frames.length >= expected || probe.isClosed)
  if (isKilledAtEnd) {
    await testSwitch.stop()
    await probe.until(() => probe.isClosed)
  }
  const said = utterancesOf(probe, commands)
  probe.close()
  await testSwitch.close()
  return stepsOf(said)
}

function actOutside(testSwitch: TestSwitch, step: Step): void {
  if (step.kind !== 'event') return
  const subclass = step.changes['Event-Subclass']
  if (step.name === 'SHUTDOWN') void testSwitch.stop({ graceful: true })
  else if (subclass === 'sofia::gateway_state') testSwitch.gateway('dead_provider', 'down')
  else if (subclass) {
    const own = step.keys.slice(step.keys.indexOf('Event-Sequence') + 1)
    testSwitch.emit(subclass, Object.fromEntries(own.map(key => [key, step.changes[key] ?? 'x'])))
  }
}

function utterancesOf(probe: EslProbe, commands: { text: string; after: number }[]): Utterance[] {
  const said: Utterance[] = []
  let next = 0
  probe.frames.forEach(({ head, body }, i) => {
    for (; commands[next] && commands[next]!.after <= i; next++) {
      said.push({ from: 'client', text: commands[next]!.text })
    }
    said.push({ from: 'switch', text: `${head}\n\n${body}` })
  })
  return said
}
