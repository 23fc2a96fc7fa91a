// Names the program that listens on a port of this machine, as Linux shows it under /proc: by its command where we may
// read that, else by its user. Changes nothing.
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { basename } from 'node:path'

/** @returns words for a sentence; "another program" when nothing is known of the program. */
export function portHolder(port: number): string {
  const sockets = ['/proc/net/tcp', '/proc/net/tcp6'].flatMap(table => listening(table, port))
  const inodes = new Set(sockets.map(({ inode }) => `socket:[${inode}]`))
  const processId = processIds().find(id => descriptorsOf(id).some(target => inodes.has(target)))
  if (processId !== undefined) return `${commandOf(processId)} (process ${processId})`
  const user = sockets[0] === undefined ? undefined : userName(sockets[0].userId)
  return user === undefined ? 'another program' : `a program of the user ${user}`
}

/** TCP_LISTEN in the kernel's tcp_states.h, as /proc/net/tcp has it. */
const LISTEN = '0A'

/** A row: `sl local_address rem_address st tx:rx tr:when retrnsmt uid timeout inode …`, numbers in hexadecimal. */
function listening(table: string, port: number): { userId: number; inode: string }[] {
  const ending = `:${port.toString(16).toUpperCase().padStart(4, '0')}`
  return lines(table).flatMap(line => {
    const [, local = '', , state, , , , userId, , inode = ''] = line.trim().split(/\s+/)
    return state === LISTEN && local.endsWith(ending) ? [{ userId: Number(userId), inode }] : []
  })
}

const processIds = (): string[] => entries('/proc').filter(name => /^\d+$/.test(name))

function descriptorsOf(processId: string): string[] {
  const directory = `/proc/${processId}/fd`
  return entries(directory).flatMap(name => {
    try {
      return [readlinkSync(`${directory}/${name}`)]
    } catch {
      // The program has closed the file meanwhile.
      return []
    }
  })
}

/** The program and what it runs, `bun src/main.ts`: no further argument, which may be a secret. */
function commandOf(processId: string): string {
  const [program = '', script = ''] = (lines(`/proc/${processId}/cmdline`)[0] ?? '').split('\0')
  const name = basename(program) || 'a program'
  return /^[\w./-]+\.\w+$/.test(script) ? `${name} ${script}` : name
}

const userName = (userId: number): string | undefined =>
  lines('/etc/passwd')
    .map(line => line.split(':'))
    .find(fields => Number(fields[2]) === userId)?.[0]

function entries(directory: string): string[] {
  try {
    return readdirSync(directory)
  } catch {
    // We may not read the directory, the process has ended, or this is no Linux: the message then names no holder.
    return []
  }
}

function lines(file: string): string[] {
  try {
    return readFileSync(file, 'utf8').split('\n')
  } catch {
    // The process has ended meanwhile, or this is no Linux: the message then names no holder.
    return []
  }
}
