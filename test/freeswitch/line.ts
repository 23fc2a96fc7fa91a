// One Redis channel as a backend hears it: what is said there by anybody else, in order, and what we say ourselves.
// It knows no call; call.ts does.
import { Redis } from 'ioredis'

export type Message = { type: string } & Record<string, unknown>

export interface Line {
  readonly channel: string
  /** What was heard, oldest first, without our own messages. */
  readonly messages: readonly Message[]
  /** The same, as it was on the wire. */
  readonly texts: readonly string[]
  /** Publishes a message; a text goes out as it is. */
  say(message: Message | string): Promise<void>
  /** The first message that has these fields, past or future. @throws after ten seconds, showing what came. */
  heard(fields: Partial<Message>): Promise<Message>
  /** Says it, and resolves with the answer to it: the next ack or failure of that type. */
  order(message: Message): Promise<Message>
  /** The next message after now that has these fields. */
  next(fields: Partial<Message>): Promise<Message>
  close(): Promise<void>
}

export interface Lines {
  open(channel: string): Promise<Line>
  /** Hears nothing from now on. */
  closeAll(): Promise<void>
  close(): void
}

const HEARD_WITHIN_MS = 10_000

/** Opens the two connections on which all lines are heard and spoken. */
export function openLines(port: number): Lines {
  const subscriber = new Redis({ port, host: '127.0.0.1' })
  const publisher = new Redis({ port, host: '127.0.0.1' })
  const takers = new Map<string, (text: string) => void>()
  subscriber.on('message', (channel: string, text: string) => takers.get(channel)?.(text))

  async function open(channel: string): Promise<Line> {
    const messages: Message[] = []
    const texts: string[] = []
    const said: string[] = []
    const watchers = new Set<() => void>()
    takers.set(channel, text => {
      const ours = said.indexOf(text)
      if (ours >= 0) return void said.splice(ours, 1)
      texts.push(text)
      messages.push(JSON.parse(text) as Message)
      for (const look of watchers) look()
    })
    await subscriber.subscribe(channel)

    function after(start: number, fields: Partial<Message>): Promise<Message> {
      return new Promise((resolve, reject) => {
        const look = () => {
          const found = messages.find((each, place) => place >= start && has(each, fields))
          if (!found) return
          watchers.delete(look)
          clearTimeout(timer)
          resolve(found)
        }
        const timer = setTimeout(() => {
          watchers.delete(look)
          const wanted = JSON.stringify(fields)
          reject(new Error(`${wanted} was never heard on ${channel}, but:\n${texts.join('\n')}`))
        }, HEARD_WITHIN_MS)
        watchers.add(look)
        look()
      })
    }

    async function say(message: Message | string): Promise<void> {
      const text = typeof message === 'string' ? message : JSON.stringify(message)
      said.push(text)
      await publisher.publish(channel, text)
    }

    return {
      channel,
      messages,
      texts,
      say,
      heard: fields => after(0, fields),
      next: fields => after(messages.length, fields),
      async order(message) {
        const answer = after(messages.length, { event: message.type })
        await say(message)
        return answer
      },
      async close() {
        takers.delete(channel)
        await subscriber.unsubscribe(channel)
      },
    }
  }

  return {
    open,
    async closeAll() {
      takers.clear()
      await subscriber.unsubscribe()
    },
    close() {
      subscriber.disconnect()
      publisher.disconnect()
    },
  }
}

const has = (message: Message, fields: Partial<Message>): boolean =>
  Object.entries(fields).every(([name, value]) => Bun.deepEquals(message[name], value))
