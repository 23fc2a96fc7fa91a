// One client's socket: reads commands and answers them one after the other, and passes on the events that the client
// wants in between.

import type { Socket } from 'bun'
import { runCommand } from './eslCommands.ts'
import type { EventFormat, SwitchEvent } from './events.ts'
import type { Exchange } from './exchange.ts'
import { Filters, Subscription } from './filters.ts'
import { AUTH_REQUEST, type Command, CommandReader } from './frames.ts'
import { Outbox } from './outbox.ts'

export class Connection {
  /** Counts from 1, never used again. */
  readonly number: number
  readonly exchange: Exchange
  readonly filters = new Filters()
  readonly subscription = new Subscription()
  format: EventFormat = 'plain'
  isListening = false
  isAuthenticated = false
  readonly #outbox: Outbox
  #reader = new CommandReader()
  #commands: Command[] = []
  /** The present command has not been answered. */
  #isBusy = false
  #isClosed = false
  /** Events that wait for the end of a blocking command. */
  #held: string | undefined

  constructor(exchange: Exchange, socket: Socket<unknown>, number: number) {
    this.exchange = exchange
    this.number = number
    this.#outbox = new Outbox(socket, () => exchange.misbehaviour.silent)
    this.write(AUTH_REQUEST)
  }

  /** Bytes from the client. */
  receive(data: Buffer): void {
    this.#commands.push(...this.#reader.push(data.toString('latin1')))
    this.#runNext()
  }

  write(frame: string): void {
    this.#outbox.write(frame)
  }

  /** Sends the event if the client asked for it. */
  offer(event: SwitchEvent): void {
    if (!this.isListening || !this.subscription.wants(event) || !this.filters.pass(event)) return
    const frame = event.frame(this.format)
    if (this.#held === undefined) this.write(frame)
    else this.#held += frame
  }

  /** From now on until the present command is answered no event goes out: FreeSWITCH serves a socket in one thread. */
  block(): void {
    this.#held = ''
  }

  /** Sends what is due and closes; commands that wait are not run any more. */
  close(): void {
    this.#isClosed = true
    this.#outbox.end()
  }

  /** Ends the stream and forgets what is still unsent. @param isReset with a reset instead of an orderly end. */
  cut(isReset: boolean): void {
    this.#isClosed = true
    this.#outbox.cut(isReset)
  }

  /** The client takes bytes again, or the switch is no longer silent. */
  resume(): void {
    this.#outbox.flush()
    this.#runNext()
  }

  #runNext(): void {
    while (!this.#isBusy && !this.#isClosed && !this.exchange.misbehaviour.silent) {
      const command = this.#commands.shift()
      if (!command) return
      this.#isBusy = true
      let isAnsweredAtOnce = true
      runCommand(this, command, reply => this.#answer(reply, () => isAnsweredAtOnce || this.#runNext()))
      isAnsweredAtOnce = false
    }
  }

  #answer(reply: string, then: () => void): void {
    const { replyDelayMs } = this.exchange.misbehaviour
    const held = this.#held ?? ''
    this.#held = undefined
    const send = (late: string): void => {
      this.write(reply + late)
      this.#isBusy = false
      then()
    }
    if (replyDelayMs === 0) return send(held)
    this.write(held)
    this.exchange.timers.after(replyDelayMs, () => send(''))
  }
}
