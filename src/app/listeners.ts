// Tries the places where this process is to listen, before anything else is opened: a port that is taken would otherwise
// be found when the agents have taken jobs already. What stands in the way becomes a sentence that names the setting
// and what to do. The listeners themselves are opened elsewhere.
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer, type Server } from 'node:net'
import { networkInterfaces } from 'node:os'
import { messageOf } from '../base/result.ts'
import type { Config } from '../config/config.ts'
import { portHolder } from './portHolder.ts'

/** A place to listen, and the settings that name it. */
export interface Place {
  what: string
  host: string
  hostSetting: string
  port: number
  portSetting: string
}

/** @returns a sentence for each listener that can't be opened. */
export async function examineListeners(config: Config): Promise<string[]> {
  const mistakes: string[] = []
  const tried: { place: Place; server: Server }[] = []
  for (const place of placesOf(config)) {
    const server = createServer()
    try {
      server.listen({ host: place.host, port: place.port, exclusive: true })
      await once(server, 'listening')
      // Held until all are tried: two of our own may want the same port.
      tried.push({ place, server })
    } catch (thrown) {
      const own = tried.find(other => other.place.port === place.port)
      mistakes.push(sentenceOf(place, thrown as NodeJS.ErrnoException, own?.place))
    }
  }
  await Promise.all(tried.map(({ server }) => new Promise(resolve => server.close(resolve))))
  return mistakes
}

/** A place that was free when it was tried, and can't be listened on now. The message is the sentence for a person. */
export class CannotListen extends Error {
  override readonly name = 'CannotListen'
}

/** Opens the listener of a place. @throws CannotListen when the system refuses: another program may have taken the port since the trial. */
export async function listenAt<Listener>(
  place: Place,
  open: () => Listener | Promise<Listener>,
): Promise<Listener> {
  try {
    return await open()
  } catch (thrown) {
    const { code } = thrown as NodeJS.ErrnoException
    if (typeof code !== 'string') throw thrown
    throw new CannotListen(sentenceOf(place, thrown as NodeJS.ErrnoException, undefined), { cause: thrown })
  }
}

export const publicPlace = ({ host, port }: Pick<Config, 'host' | 'port'>): Place => ({
  what: 'the public listener',
  host,
  hostSetting: 'HOST',
  port,
  portSetting: 'PORT',
})

export const dialplanPlace = ({
  socketHost,
  socketPort,
}: Pick<Config, 'socketHost' | 'socketPort'>): Place => ({
  what: "the dialplan's listener",
  host: socketHost,
  hostSetting: 'SOCKET_HOST',
  port: socketPort,
  portSetting: 'SOCKET_PORT',
})

export const internalPlace = ({
  internalHost,
  internalPort,
}: Pick<Config, 'internalHost' | 'internalPort'>): Place => ({
  what: 'the internal listener',
  host: internalHost,
  hostSetting: 'INTERNAL_HOST',
  port: internalPort,
  portSetting: 'INTERNAL_PORT',
})

function placesOf(config: Config): Place[] {
  const { role, socketPort } = config
  return [
    ...(role === 'agent' ? [] : [publicPlace(config)]),
    ...(role === 'agent' || socketPort === 0 ? [] : [dialplanPlace(config)]),
    internalPlace(config),
  ]
}

function sentenceOf(place: Place, error: NodeJS.ErrnoException, own: Place | undefined): string {
  const { host, hostSetting, port, portSetting } = place
  switch (error.code) {
    case 'EADDRINUSE': {
      const holder = own ? `${own.what} (${own.portSetting})` : portHolder(port)
      const end = own ? 'Set' : 'End that, or set'
      return `${portSetting} ${port} is taken: ${holder} listens there. ${end} ${portSetting} to another port.`
    }
    case 'EACCES':
    case 'EPERM':
      return (
        `${portSetting} ${port} is not open to this user: ports below ${firstOpenPort()} are root's. Set ${portSetting} ` +
        'to a higher one, or give the right (CAP_NET_BIND_SERVICE, in systemd as CapabilityBoundingSet= and AmbientCapabilities=).'
      )
    case 'EADDRNOTAVAIL':
    case 'EAFNOSUPPORT':
    case 'ENOTFOUND':
    case undefined:
      return (
        `${hostSetting} ${host} is no address of this machine. Set ${hostSetting} to one that is ` +
        `(${ownAddresses().join(', ')}), or to 0.0.0.0 for all of them.`
      )
    default:
      return `${hostSetting} ${host} with ${portSetting} ${port} can't be listened on: ${messageOf(error)}.`
  }
}

const ownAddresses = (): string[] =>
  Object.values(networkInterfaces()).flatMap(addresses => (addresses ?? []).map(({ address }) => address))

/** Linux's default for `ip_unprivileged_port_start`. */
const FIRST_OPEN_PORT = 1_024

function firstOpenPort(): number {
  try {
    return Number(readFileSync('/proc/sys/net/ipv4/ip_unprivileged_port_start', 'utf8'))
  } catch {
    // The system is no Linux, or hides the file.
    return FIRST_OPEN_PORT
  }
}
