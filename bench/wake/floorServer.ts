// The floor: the least that a process can do which holds requests, publishes a confirmation and releases what the
// confirmation names. Bun.serve, ioredis, one pub/sub channel a process. No checks, no deadline, no record.
// Run as a program: `bun floorServer.ts <name> <port> <redis port>`; a call's id begins with its holder's name.
import { Redis } from 'ioredis'

const [name = '', port = '0', redisPort = '0'] = process.argv.slice(2)
const commands = new Redis({ port: Number(redisPort), enableAutoPipelining: true })
const subscriber = new Redis({ port: Number(redisPort) })
const held = new Map<string, (response: Response) => void>()

subscriber.on('message', (_channel, id: string) => {
  held.get(id)?.(new Response('status=ACK'))
  held.delete(id)
})
await subscriber.subscribe(`floor:${name}`)

const HOLD = '/hold/'
const RELEASE = '/release/'

Bun.serve({
  hostname: '127.0.0.1',
  port: Number(port),
  idleTimeout: 0,
  async fetch(request) {
    const path = request.url.slice(request.url.indexOf('/', 'http://'.length))
    if (path.startsWith(HOLD)) return new Promise(resolve => held.set(path.slice(HOLD.length), resolve))
    if (!path.startsWith(RELEASE)) return new Response('up')
    const id = path.slice(RELEASE.length)
    await commands.publish(`floor:${id.slice(0, id.indexOf('-'))}`, id)
    return new Response('released', { status: 202 })
  },
})
