// The floor: the least that a process can do which takes jobs from Redis and writes a line to a socket for each, and
// writes one for each message that it hears. ioredis, one connection a purpose. No checks, no record, no reply read.
// Run as a program: bun floorAgent.ts <redis port> <socket port> <job list> <bytes of a job's line>
// <bytes of a message's line> <channel> ... Says `ready` when it listens.
import { Redis } from 'ioredis'

const [redisPort, socketPort, list = '', jobBytes, messageBytes, ...channels] = process.argv.slice(2)
const blocking = new Redis({ port: Number(redisPort) })
const subscriber = new Redis({ port: Number(redisPort) })
const socket = await Bun.connect({
  hostname: '127.0.0.1',
  port: Number(socketPort),
  socket: { data: () => {} },
})
socket.setNoDelay(true)

const jobPadding = ' '.repeat(Number(jobBytes))
const messagePadding = ' '.repeat(Number(messageBytes))

function write(text: string, padding: string): void {
  const line = `floor ${text}${padding.slice(text.length + 'floor \n\n'.length)}\n\n`
  if (socket.write(line) !== line.length) throw new Error('the sink reads too slowly to be measured')
}

subscriber.on('message', (channel: string) => write(channel, messagePadding))
await subscriber.subscribe(...channels)
console.log('ready')

for (;;) {
  const job = await blocking.blmove(list, `${list}:taken`, 'LEFT', 'RIGHT', 1)
  if (job !== null) write(job, jobPadding)
}
