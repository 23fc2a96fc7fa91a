// Speaks just enough of Redis's protocol for the launcher: is there one, is it ready, who is connected. One
// short connection for each question; nothing is written to any key. The service has its own client and uses
// none of this.
import { connect } from 'node:net'

/** A Redis on this machine or in this network answers far sooner; a firewall that swallows packets never
 *  does. */
const ANSWER_TIMEOUT_MS = 1_000

/** The name by which launchers know each other's connections. */
const LAUNCHER_NAME = 'hookswitch-launcher'

/** How long a launcher waits before it connects again to a Redis that restarts. */
const RECONNECT_MS = 500

/** What stands behind an address.
 *  @param {{ host: string, port: number }} node
 *  @returns {Promise<'ready' | 'loading' | 'password' | 'silent'>} 'password' when it wants one first,
 *    'silent' when nothing answers in a second or what answers is no Redis */
export async function probe(node) {
  const reply = await ask(node, 'PING')
  if (reply?.startsWith('+PONG')) return 'ready'
  if (reply?.startsWith('-LOADING')) return 'loading'
  if (/^-(NOAUTH|WRONGPASS|NOPERM|DENIED)/.test(reply ?? '')) return 'password'
  return 'silent'
}

/** Whether anything accepts a connection there: all that can be asked of a TLS node, a Sentinel or a
 *  Cluster. */
export function accepts({ host, port }) {
  return new Promise(resolve => {
    const socket = connect({ host, port, timeout: ANSWER_TIMEOUT_MS })
    const end = isAccepted => {
      socket.destroy()
      resolve(isAccepted)
    }
    socket.once('connect', () => end(true))
    socket.once('timeout', () => end(false))
    socket.once('error', () => end(false))
  })
}

/** How many launchers and how many others are connected, the asking connection not counted.
 *  @returns {Promise<{ launchers: number, others: number }>} none when Redis doesn't answer */
export async function countClients(node) {
  const lines = ((await ask(node, 'CLIENT LIST')) ?? '').split('\n').filter(line => line.startsWith('id='))
  const launchers = lines.filter(line => line.includes(` name=${LAUNCHER_NAME} `)).length
  return { launchers, others: Math.max(lines.length - launchers - 1, 0) }
}

/** Whether the Redis there has read its data back and is the process of that id.
 *  @param {number} processId as the kernel counts them where both processes run */
export async function isServedBy(node, processId) {
  const server = (await ask(node, 'INFO server')) ?? ''
  return server.includes(`\r\nprocess_id:${processId}\r\n`) && (await probe(node)) === 'ready'
}

/** Stays connected under the launchers' name, through restarts of Redis, until released: while the connection
 *  stands, whoever started this Redis lets it run.
 *  @returns {Promise<{ isHeld: boolean, release: () => void }>} once Redis has answered to the name, or has not
 *    within a second: `isHeld` is false then, and the Redis may end at any moment */
export function holdOn(node) {
  let socket
  let isReleased = false
  const release = () => {
    isReleased = true
    socket.destroy()
  }
  return new Promise(resolve => {
    const tooLong = setTimeout(() => resolve({ isHeld: false, release }), ANSWER_TIMEOUT_MS)
    const open = () => {
      socket = connect(node)
      socket.on('connect', () => socket.write(`CLIENT SETNAME ${LAUNCHER_NAME}\r\n`))
      socket.on('data', () => {
        clearTimeout(tooLong)
        resolve({ isHeld: true, release })
      })
      socket.on('error', () => {
        // 'close' follows and connects again.
      })
      socket.on('close', () => {
        if (!isReleased) setTimeout(open, RECONNECT_MS).unref()
      })
      socket.unref()
    }
    open()
  })
}

/** Sends one inline command. @returns the raw reply, or undefined when none came in time */
function ask({ host, port }, command) {
  return new Promise(resolve => {
    const socket = connect({ host, port, timeout: ANSWER_TIMEOUT_MS })
    let reply = ''
    const end = answer => {
      socket.destroy()
      resolve(answer)
    }
    socket.once('connect', () => socket.write(`${command}\r\n`))
    socket.setEncoding('utf8').on('data', text => {
      reply += text
      if (isWhole(reply)) end(reply)
    })
    socket.once('timeout', () => end(undefined))
    socket.once('error', () => end(undefined))
    socket.once('close', () => end(undefined))
  })
}

// A simple reply ends with its line; a bulk reply ($length) when that many characters are there (its text is
// ASCII).
function isWhole(reply) {
  const lineEnd = reply.indexOf('\r\n')
  if (lineEnd === -1) return false
  return reply.startsWith('$') ? reply.length >= lineEnd + 4 + Number(reply.slice(1, lineEnd)) : true
}
