// Calls as a dial agent places them, for the tests of the test switch: two legs bridged, a leg parked, a supervisor.
// Each waits until the call is where its name says.

import { type EslProbe, headerValue } from './eslProbe.ts'

const GATEWAY = 'sofia/gateway/talk_call_provider'

/** Two answered legs that talk. @returns their uuids. */
export async function talkingCall(
  probe: EslProbe,
  { a = '15105620001', b = '14157690002', variables = '', dialId = 'dial-1' } = {},
): Promise<{ a: string; b: string }> {
  const legs = startCall(probe, { a, b, variables, dialId })
  await probe.event('CHANNEL_BRIDGE', event => headerValue(event, 'Unique-ID') === legs.a)
  return legs
}

/** Begins the same and does not wait. */
export function startCall(
  probe: EslProbe,
  { a = '15105620001', b = '14157690002', variables = '', dialId = 'dial-1' } = {},
): { a: string; b: string } {
  const legs = { a: crypto.randomUUID(), b: crypto.randomUUID() }
  const extra = variables === '' ? '' : `,${variables}`
  probe.send(
    `bgapi originate {call-side=0,dial_id=${dialId},origination_uuid=${legs.a}${extra}}${GATEWAY}/${a} ` +
      `&bridge([call-side=1,dial_id=${dialId},origination_uuid=${legs.b}]${GATEWAY}/${b})`,
  )
  return legs
}

/** One answered leg, parked. @returns its uuid. */
export async function parkedLeg(
  probe: EslProbe,
  { number = '15105550002', variables = '' } = {},
): Promise<string> {
  const uuid = crypto.randomUUID()
  const extra = variables === '' ? '' : `,${variables}`
  probe.send(`bgapi originate {dial_id=bot,origination_uuid=${uuid}${extra}}${GATEWAY}/${number} &park()`)
  await probe.event('CHANNEL_PARK', event => headerValue(event, 'Unique-ID') === uuid)
  return uuid
}

/** A third leg that listens to a target. @returns its uuid. */
export async function supervisor(
  probe: EslProbe,
  target: string,
  { number = '15105550003', variables = 'eavesdrop_enable_dtmf=false' } = {},
): Promise<string> {
  const uuid = crypto.randomUUID()
  const extra = variables === '' ? '' : `,${variables}`
  probe.send(
    `bgapi originate {dial_id=dial-1,origination_uuid=${uuid}${extra}}${GATEWAY}/${number} &eavesdrop(${target})`,
  )
  await probe.event('CHANNEL_EXECUTE', event => headerValue(event, 'Unique-ID') === uuid)
  return uuid
}

/** Resolves when this leg's HANGUP_COMPLETE has come, with its cause. */
export async function ended(probe: EslProbe, uuid: string): Promise<string> {
  const event = await probe.event('CHANNEL_HANGUP_COMPLETE', each => headerValue(each, 'Unique-ID') === uuid)
  return headerValue(event, 'Hangup-Cause')
}

/** The result of the job that a command began. */
export async function jobResult(probe: EslProbe, command: string): Promise<string> {
  const jobUuid = crypto.randomUUID()
  probe.send(`bgapi ${command}\nJob-UUID: ${jobUuid}`)
  const event = await probe.event('BACKGROUND_JOB', each => headerValue(each, 'Job-UUID') === jobUuid)
  return headerValue(event, '_body').trimEnd()
}

/** Resolves once this is true of the switch, looked at after one answer after another: for changes without an event.
 *  @throws after a thousand answers. */
export async function settled(probe: EslProbe, isTrue: () => boolean): Promise<void> {
  for (let asked = 0; !isTrue(); asked++) {
    if (asked === 1_000) throw new Error('the switch does not come to that')
    await probe.api('status')
  }
}
