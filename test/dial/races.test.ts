// Moments in which something is easily lost: a call's last one, and a pop that is carried out after its agent died.
import { afterEach, beforeEach, expect, test } from 'bun:test'
import { aspJob, type Channel, leftovers, newDialId, openStage, type Stage, until } from './stage.ts'

let stage: Stage
beforeEach(async () => {
  stage = await openStage()
})
afterEach(() => stage.close())

const nothingIsLeft = () => until('nothing is left', async () => (await leftovers(stage)).length === 0)
const answersIn = (channel: Channel) => channel.heard.filter(each => each.event === 'stop-playback')

test("a message in a call's last moment is answered if anybody heard it, and does not bring the call back", async () => {
  await stage.agent().isSwitchReady
  for (let round = 0; round < 10; round++) {
    const dialId = newDialId()
    const channel = await stage.listen(dialId)
    await stage.push(aspJob(dialId, { caller_number: '15550000603' }))
    await channel.next('hangup-event')
    // The test listens too.
    const heardBy = (await channel.say({ type: 'stop-playback' })) - 1
    if (heardBy > 0) await channel.next(each => each.event === 'stop-playback')
    await nothingIsLeft()
    expect(answersIn(channel)).toHaveLength(heardBy)
  }
})

test('a job that was popped for an agent after its death is dialled by another', async () => {
  const dead = 'gone-agent'
  const { client } = stage.redis
  await client.sadd('hookswitch:agents', dead)
  await stage.agent().isSwitchReady
  await until('it is buried', async () => (await client.exists(`hookswitch:agent:{${dead}}:tomb`)) === 1)
  const dialId = newDialId()
  const channel = await stage.listen(dialId)
  const job = JSON.stringify(aspJob(dialId, { caller_number: '15550000603' }))
  await client.rpush(`hookswitch:in-flight:{talkiq-asp.calls}:${dead}`, job)
  await channel.next('hangup-event')
  await nothingIsLeft()
})
