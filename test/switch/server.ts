// The listening side of the event socket: takes connections, hands each its bytes, and offers every event to all of
// them. It can stop taking connections while those it has live on, and cut them all at once.

import type { Socket, TCPSocketListener } from 'bun'
import { Connection } from './connection.ts'
import type { SwitchEvent } from './events.ts'
import type { Exchange } from './exchange.ts'

type ConnectionSocket = Socket<Connection | undefined>

export class EslServer {
  readonly #connections = new Set<Connection>()
  #listener: TCPSocketListener<Connection | undefined> | undefined
  #exchange: Exchange
  #port: number
  #nextNumber = 1

  constructor(exchange: Exchange, port: number) {
    this.#exchange = exchange
    this.#port = port
  }

  /** The port, the same for the whole life of the test switch. */
  get port(): number {
    return this.#port
  }

  get connectionCount(): number {
    return this.#connections.size
  }

  /** @throws when the port is taken. */
  listen(): void {
    if (this.#listener) return
    const listener = Bun.listen<Connection | undefined>({
      hostname: '127.0.0.1',
      port: this.#port,
      data: undefined,
      socket: {
        open: socket => this.#open(socket),
        data: (socket, bytes) => socket.data?.receive(bytes),
        drain: socket => socket.data?.resume(),
        close: socket => this.#forget(socket),
        error: socket => this.#forget(socket),
      },
    })
    this.#listener = listener
    this.#port = listener.port
  }

  /** New connections are refused; those there are live on. */
  stopListening(): void {
    this.#listener?.stop(false)
    this.#listener = undefined
  }

  /** The next connections belong to another life of the switch. */
  serve(exchange: Exchange): void {
    this.#exchange = exchange
  }

  offer(event: SwitchEvent): void {
    for (const connection of this.#connections) connection.offer(event)
  }

  /** Lets everything through that a silent switch has kept back. */
  resume(): void {
    for (const connection of this.#connections) connection.resume()
  }

  /** Says a last word to everybody and closes. */
  dismiss(notice: string): void {
    for (const connection of this.#connections) {
      connection.write(notice)
      connection.close()
    }
    this.#connections.clear()
  }

  cut(isReset: boolean): void {
    for (const connection of this.#connections) connection.cut(isReset)
    this.#connections.clear()
  }

  #open(socket: ConnectionSocket): void {
    const connection = new Connection(this.#exchange, socket, this.#nextNumber)
    this.#nextNumber += 1
    socket.data = connection
    this.#connections.add(connection)
    this.#exchange.plant.records.add({ kind: 'connect', connection: connection.number })
  }

  #forget(socket: ConnectionSocket): void {
    const connection = socket.data
    if (!connection) return
    socket.data = undefined
    this.#connections.delete(connection)
    connection.exchange.plant.records.add({ kind: 'disconnect', connection: connection.number })
  }
}
