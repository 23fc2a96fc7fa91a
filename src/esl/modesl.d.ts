// What modesl 1.2.1 is, as far as this room builds on it; the package ships no types. The members with a leading
// underscore are modesl's own and documented nowhere: the exact version is pinned because of them.
declare module 'modesl' {
  import type { Socket } from 'node:net'

  /** What modesl's dispatch and its callbacks ask of a frame. modesl's own `Event` parses all of it; ours does not. */
  export interface ModeslFrame {
    getHeader(name: string): string | null
    getBody(): string
  }

  export type ReplyCallback = (reply: ModeslFrame) => void

  export class Connection {
    /** Three: connects and waits to be asked for the password. One: takes over a connection that the switch made,
     *  and sends `connect` at once, from inside the constructor. */
    constructor(...way: [host: string, port: number, password: string] | [accepted: Socket])

    /** Null after the end of the stream. */
    socket: Socket | null
    connecting: boolean
    password: string
    /** Whether we connected to the switch: FreeSWITCH's "inbound", seen from its side. */
    _inbound: boolean
    /** The callbacks of `sendRecv` and of `api`, in the order of sending; replies carry no id. */
    cmdCallbackQueue: ReplyCallback[]
    apiCallbackQueue: ReplyCallback[]

    /** The answer to `connect`, once it has come. */
    getInfo(): ModeslFrame | null
    /** What `getInfo` returns. */
    channelData: ModeslFrame | null
    /** Writes a command and its header lines. Does not wait. */
    send(command: string, headers?: Readonly<Record<string, string>> | null): void
    sendRecv(command: string, headers: Readonly<Record<string, string>>, callback: ReplyCallback): void
    /** @param command without the word `api`. */
    api(command: string, callback: ReplyCallback): void
    /** Called when the switch asks for the password. */
    auth(): void
    /** Called after the login, and after the answer to `connect`. */
    subscribe(events: string[], done?: () => void): void

    /** Called when the socket is connected; for an accepted one from inside the constructor. */
    _onConnect(): void
    /** Called for the socket's errors. */
    _onError(error: Error): void
    /** Dispatches a frame: to `auth`, or to the callback that is next in its queue. */
    _onEvent(frame: ModeslFrame, headers: Readonly<Record<string, string | undefined>>, body?: string): void

    on(event: string, listener: (...frame: unknown[]) => void): this
    once(event: string, listener: (...frame: unknown[]) => void): this
    emit(event: string, ...frame: unknown[]): boolean
    removeAllListeners(): this
  }

  const modesl: { Connection: typeof Connection }
  export default modesl
}
