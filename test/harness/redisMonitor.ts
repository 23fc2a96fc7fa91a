// What Redis is asked, by all its clients, in its order. ioredis' own monitor takes a line that comes in one packet with
// the answer to MONITOR for an answer that nobody asked for, and throws (6.0.0).

export interface RedisMonitor extends Disposable {
  /** Each command that came since: its name in lower case, and its first argument. */
  commands: { name: string; key: string | undefined }[]
}

/** Resolves when Redis tells each command that comes from now on. */
export async function monitorRedis(port: number): Promise<RedisMonitor> {
  const commands: RedisMonitor['commands'] = []
  const { promise: isTelling, resolve, reject } = Promise.withResolvers<void>()
  let rest = ''
  const socket = await Bun.connect({
    hostname: '127.0.0.1',
    port,
    socket: {
      data(_, bytes) {
        const lines = (rest + bytes.toString('latin1')).split('\r\n')
        rest = lines.pop()!
        for (const line of lines) {
          if (line === '+OK') resolve()
          const [name, key] = [...line.matchAll(/ "((?:[^"\\]|\\.)*)"/g)].map(([, word]) => word)
          if (name !== undefined) commands.push({ name: name.toLowerCase(), key })
        }
      },
      error: (_, error) => reject(error),
    },
  })
  socket.write('MONITOR\r\n')
  await isTelling
  return { commands, [Symbol.dispose]: () => socket.terminate() }
}
