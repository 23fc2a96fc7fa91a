// How many tests of calls begin and end: a phone that is parked, two phones that talk, and nothing that is left.
import { aspJob, botJob, type Channel, leftovers, newDialId, type Stage, until } from './stage.ts'

export interface UpCall {
  dialId: string
  channel: Channel
}

/** A bot-call whose phone has answered. @param more fields of its job. */
export async function parked(stage: Stage, more: Record<string, unknown> = {}): Promise<UpCall> {
  const dialId = newDialId()
  const channel = await stage.listen(dialId)
  await stage.push(botJob(dialId, more))
  await channel.next('answer-event')
  return { dialId, channel }
}

/** An asp-call whose callee has answered. @param more fields of its job. */
export async function talk(stage: Stage, more: Record<string, unknown> = {}): Promise<UpCall> {
  const dialId = newDialId()
  const channel = await stage.listen(dialId)
  await stage.push(aspJob(dialId, more))
  await channel.next(each => each.type === 'answer-event' && each.side === '1')
  return { dialId, channel }
}

/** The leg that rings a number. */
export const legOf = (stage: Stage, number: string) =>
  stage.switch.channels().find(each => each.destination === number)

export const ringsOf = (stage: Stage, dialId: string) =>
  stage.switch.records(0, ['ring']).filter(each => each.kind === 'ring' && each.dialId === dialId)

export const listenersOf = async (stage: Stage, channel: string) =>
  ((await stage.redis.client.pubsub('NUMSUB', channel)) as [string, number])[1]

export const nothingIsLeft = (stage: Stage) =>
  until('nothing is left', async () => (await leftovers(stage)).length === 0)
