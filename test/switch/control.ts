// The control port of a test switch that runs as a process of its own: one POST for each call of the switch's front,
// in JSON. The client for it is remote.ts, which knows the same names.

import { messageOf } from '../../src/base/result.ts'
import type { ForeignCalls } from './foreign.ts'
import type { TestSwitch } from './testSwitch.ts'

export interface ControlCall {
  method: string
  args: unknown[]
}

/** Serves the control port on 127.0.0.1. @param port 0 takes a free one. */
export function serveControl(testSwitch: TestSwitch, port: number): { port: number; stop: () => void } {
  const methods = methodsOf(testSwitch)
  const server = Bun.serve({
    hostname: '127.0.0.1',
    port,
    // A graceful stop takes longer than the default of ten seconds when the switch's second is a real one.
    idleTimeout: 60,
    fetch: async request => {
      const { method, args } = (await request.json()) as ControlCall
      const run = methods[method]
      if (!run) return Response.json({ error: `no method ${method}` }, { status: 404 })
      try {
        return Response.json({ result: (await run(...args)) ?? null })
      } catch (thrown) {
        return Response.json({ error: messageOf(thrown) }, { status: 500 })
      }
    },
  })
  return { port: server.port!, stop: () => void server.stop(true) }
}

// biome-ignore lint/suspicious/noExplicitAny: the arguments come from the wire; remote.ts types them
type Method = (...args: any[]) => unknown

function methodsOf(testSwitch: TestSwitch): Record<string, Method> {
  const foreign: ForeignCalls[] = []
  return {
    phone: (destination, behaviour) => testSwitch.phone(destination, behaviour),
    gateway: (name, state) => testSwitch.gateway(name, state ?? undefined),
    file: (path, seconds) => testSwitch.file(path, seconds ?? undefined),
    set: changes => testSwitch.set(changes),
    answer: uuid => testSwitch.answer(uuid),
    hangup: (uuid, cause) => testSwitch.hangup(uuid, cause ?? undefined),
    press: (uuid, digits) => testSwitch.press(uuid, digits),
    hears: uuid => [...testSwitch.hears(uuid)],
    channels: () => testSwitch.channels(),
    channel: uuid => testSwitch.channel(uuid),
    records: (from, kinds) => testSwitch.records(from, kinds),
    injections: () => testSwitch.injections,
    status: () => {
      const { port, coreUuid, connectionCount, record } = testSwitch
      return { port, coreUuid, connectionCount, recordLength: record.length }
    },
    register: phone => testSwitch.register(phone),
    emit: (subclass, headers) => testSwitch.emit(subclass, headers),
    addForeignCalls: (count, options) => {
      foreign.push(testSwitch.addForeignCalls(count, options))
    },
    stopForeignCalls: () => {
      for (const calls of foreign.splice(0)) calls.stop()
    },
    dropSockets: options => testSwitch.dropSockets(options),
    stopAccepting: () => testSwitch.stopAccepting(),
    accept: () => testSwitch.accept(),
    stop: options => testSwitch.stop(options),
    start: () => testSwitch.start(),
    restart: options => testSwitch.restart(options),
  }
}
