// A backend in TypeScript: pushes one asp-call job, follows the call on its channel, lets a supervisor listen, and hangs
// up after a while. Needs ioredis, and an agent (`npm start` with a FreeSWITCH, or `npm run demo`).
//
//   PUBSUB_REDIS_URL=redis://127.0.0.1:6379 bun examples/backend/call.ts <caller> <callee> [<supervisor>]
import { Redis } from 'ioredis'

const [caller, callee, supervisor] = process.argv.slice(2)
if (!caller || !callee) throw new Error('usage: call.ts <caller> <callee> [<supervisor>]')

const TALK_MS = Number(process.env.TALK_MS ?? 5_000)
const url = process.env.PUBSUB_REDIS_URL ?? 'redis://127.0.0.1:6379'
const redis = new Redis(url)
const channel = new Redis(url)
const dialId = crypto.randomUUID()

// Subscribe first: a channel keeps nothing, and the first event may come within milliseconds.
await channel.subscribe(dialId)

const isOver = new Promise<void>(resolve => {
  /** Sides that exist and have not ended yet. */
  const sides = new Set(['0'])
  channel.on('message', (_, text) => {
    const message = JSON.parse(text)
    // Our own control messages come back on the channel too; they are told when they are sent.
    if (!EVENTS.has(message.type)) return
    console.log(text)
    switch (message.type) {
      case 'answer-event':
        sides.add(message.side)
        if (message.side === '1') void talk()
        break
      case 'hangup-event':
        sides.delete(message.side)
        if (sides.size === 0) resolve()
        break
      case 'failure':
        // One that names no event is the job's: the call will not be made.
        if (message.event === undefined) resolve()
    }
  })
})
const EVENTS = new Set([
  'call-start',
  'answer-event',
  'hangup-event',
  'barge-event',
  'handover-event',
  'wake-event',
  'ack',
  'failure',
])

await redis.rpush(
  'talkiq-asp.calls',
  JSON.stringify({
    type: 'asp-call',
    dial_id: dialId,
    org_id: 'example-org',
    user_id: 'example-user',
    call_provider: 'example',
    caller_number: caller,
    callee_number: callee,
    caller_id_lega: callee,
    caller_id_legb: caller,
    // A job that waited longer than JOB_MAX_AGE is not dialled: nobody wants an old call.
    queued_at: Date.now() / 1_000,
  }),
)
await isOver
redis.disconnect()
channel.disconnect()

async function talk(): Promise<void> {
  if (supervisor) await say({ type: 'barge', phone_number: supervisor, caller_id: caller })
  await Bun.sleep(TALK_MS)
  await say({ type: 'hangup' })
}

/** Publishes a control message. Its one answer names the same `command_id`. */
async function say(message: Record<string, unknown>): Promise<void> {
  const listeners = await redis.publish(
    dialId,
    JSON.stringify({ ...message, command_id: crypto.randomUUID() }),
  )
  console.log(`said ${message.type} to ${listeners} listeners`)
}
