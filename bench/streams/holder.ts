// A process that holds many connections to one front: a PBX with its waits, or phones with their verdict streams. The
// measuring process tells it what to do, message by message; each gets one reply.

/** Measuring process → holder. Calls are numbered from 0; call N is of account N, with the id `stream-N`. */
export type HeldOrder =
  | { kind: 'register'; port: number; count: number }
  | { kind: 'hold'; port: number; count: number }
  | { kind: 'follow'; port: number; uniqueKeys: string[] }
  /** Closes the requests of the first calls, one after the other. */
  | { kind: 'leave'; count: number; everyMs: number }
  /** Waits until the phones of the first calls have heard that it is over. */
  | { kind: 'heard'; count: number; timeoutMs: number }

/** When something happened, by the number of its call: epoch milliseconds with fractions. */
export interface HeldReply {
  atMs: number[]
}

/** So many connections are opened at once: a listener's queue is short. */
const OPENING_MAX = 200
const LOOK_MS = 20

const sockets: Bun.Socket<number>[] = []
const ringing = new Set<number>()
const endedAtMs: number[] = []
const nowMs = () => performance.timeOrigin + performance.now()

const handlers: Bun.SocketHandler<number> = {
  data(socket, bytes) {
    const text = bytes.toString('latin1')
    if (text.includes('"ringing"')) ringing.add(socket.data)
    if (text.includes('"ended"')) endedAtMs[socket.data] ??= nowMs()
  },
  error: (_socket, error) => {
    throw error
  },
}

async function send(port: number, count: number, request: (call: number) => string): Promise<void> {
  for (let from = 0; from < count; from += OPENING_MAX)
    await Promise.all(
      Array.from({ length: Math.min(OPENING_MAX, count - from) }, async (_, at) => {
        const socket = await Bun.connect<number>({
          hostname: '127.0.0.1',
          port,
          socket: handlers,
          data: from + at,
        })
        sockets[from + at] = socket
        socket.write(request(from + at))
      }),
    )
}

function post(path: string, form: string): string {
  const head = [`POST ${path} HTTP/1.1`, 'Host: 127.0.0.1', 'Content-Type: application/x-www-form-urlencoded']
  return [...head, `Content-Length: ${form.length}`, '', form].join('\r\n')
}

async function until(isTrue: () => boolean, timeoutMs = 110_000): Promise<void> {
  const limitAtMs = nowMs() + timeoutMs
  while (!isTrue()) {
    if (nowMs() > limitAtMs) throw new Error(`it never came true: ${ringing.size} streams`)
    await Bun.sleep(LOOK_MS)
  }
}

async function obey(order: HeldOrder): Promise<number[]> {
  switch (order.kind) {
    case 'register':
      for (let from = 0; from < order.count; from += OPENING_MAX)
        await Promise.all(
          Array.from({ length: Math.min(OPENING_MAX, order.count - from) }, (_, at) =>
            fetch(`http://127.0.0.1:${order.port}/api/android-device/`, {
              method: 'POST',
              body: new URLSearchParams({
                sip_user_id: `${from + at}`,
                token: `token-${from + at}`,
                app: 'bench',
              }),
            }),
          ),
        )
      return []
    case 'hold':
      await send(order.port, order.count, call =>
        post('/api/incoming-call/', `sip_user_id=${call}&phonenumber=15550000001&call_id=stream-${call}`),
      )
      return []
    case 'follow': {
      const { uniqueKeys } = order
      await send(order.port, uniqueKeys.length, call =>
        [
          `GET /api/call-response/?unique_key=${uniqueKeys[call]} HTTP/1.1`,
          ...['Host: 127.0.0.1', 'Accept: text/event-stream', '', ''],
        ].join('\r\n'),
      )
      await until(() => ringing.size === uniqueKeys.length)
      return []
    }
    case 'leave': {
      const atMs: number[] = []
      for (const socket of sockets.slice(0, order.count)) {
        atMs.push(nowMs())
        socket.terminate()
        await Bun.sleep(order.everyMs)
      }
      return atMs
    }
    case 'heard':
      await until(
        () => endedAtMs.slice(0, order.count).filter(each => each !== undefined).length === order.count,
        order.timeoutMs,
      )
      return endedAtMs.slice(0, order.count)
  }
}

process.on('message', (order: HeldOrder) => {
  void obey(order).then(atMs => process.send?.({ atMs } satisfies HeldReply))
})
process.on('disconnect', () => process.exit(0))
