// The service's processes in a run: each slot holds one process at a time, which is killed, paused, terminated and
// replaced; its log is kept. Between it and Redis lies a valve of its own. Which agent belongs to which process is
// told by the process id in its name.
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { openPrinted } from '../harness/printed.ts'
import { spawnService } from '../harness/service.ts'
import type { Valve } from './valve.ts'

export interface LogLine {
  atMs: number
  /** The process's name. */
  from: string
  line: { msg: string; level: string; [field: string]: unknown }
}

/** One process, from its start to its end. */
export interface Member {
  /** `agent-1#2`: the third process in its slot. */
  name: string
  pid: number
  child: Bun.Subprocess
  /** `gone`: dead or told to go. */
  state: 'starting' | 'up' | 'paused' | 'gone'
  publicUrl: string
  /** Where a front takes FreeSWITCH's dialplan; 0: an agent does not. */
  socketPort: number
  /** When it said so; Infinity before. */
  upAtMs: number
  exited: Promise<number>
}

export interface Slot {
  role: 'agent' | 'front'
  index: number
  redis: Valve
  member: Member
  /** Its valve is not open. */
  isLineShut: boolean
  /** A fault is at work here; another one must wait. */
  isBusy: boolean
}

export interface Crew {
  readonly slots: Slot[]
  readonly log: LogLine[]
  /** Every process there was. */
  readonly members: Member[]
  of(role: 'agent' | 'front'): Slot[]
  /** Puts a new process into a slot; resolves when it is up. */
  fill(slot: Slot): Promise<void>
  /** The process whose agent that is, by the agent's name in Redis. */
  memberOfAgent(agent: string): Member | undefined
  close(): Promise<void>
}

export interface CrewOptions {
  redis: (slot: { role: string; index: number }) => Promise<Valve>
  env: (role: 'agent' | 'front') => Record<string, string>
  /** A port for the next front's socket for dialplans; 0 where the run has no callers there. */
  socketPort: () => Promise<number>
  agents: number
  fronts: number
  onLine: (line: LogLine, member: Member) => void
}

/** For a machine on which much else runs. */
const START_TIMEOUT_MS = 60_000

export async function openCrew(options: CrewOptions): Promise<Crew> {
  const log: LogLine[] = []
  const members: Member[] = []
  const slots: Slot[] = []

  async function spawn(slot: Pick<Slot, 'role' | 'index' | 'redis'>): Promise<Member> {
    const { role, index, redis } = slot
    const generation = members.filter(each => each.name.startsWith(`${role}-${index}#`)).length
    const printed = openPrinted(createLineSplitter(text => note(text, member)))
    const socketPort = role === 'front' ? await options.socketPort() : 0
    const socket = { SOCKET_PORT: String(socketPort) }
    const env = {
      ...options.env(role),
      ...socket,
      ROLE: role,
      PUBSUB_REDIS_URL: `redis://127.0.0.1:${redis.port}`,
    }
    const child = spawnService(env, undefined, { stdout: printed.fd, stderr: printed.fd })
    const member: Member = {
      name: `${role}-${index}#${generation}`,
      pid: child.pid,
      child,
      state: 'starting',
      publicUrl: '',
      socketPort,
      upAtMs: Number.POSITIVE_INFINITY,
      exited: child.exited,
    }
    members.push(member)
    void child.exited.then(printed.close)
    return member
  }

  function note(text: string, member: Member): void {
    const line = text.startsWith('{') ? (JSON.parse(text) as LogLine['line']) : { msg: text, level: 'error' }
    const noted: LogLine = { atMs: Date.now(), from: member.name, line }
    log.push(noted)
    if (line.msg === 'hookswitch is up') {
      member.publicUrl = String(line.public)
      member.upAtMs = noted.atMs
      if (member.state === 'starting') member.state = 'up'
    }
    options.onLine(noted, member)
  }

  async function untilUp(member: Member): Promise<void> {
    const limitAtMs = Date.now() + START_TIMEOUT_MS
    while (member.state === 'starting') {
      if (Date.now() > limitAtMs || member.child.exitCode !== null)
        throw new Error(`${member.name} never came up: ${JSON.stringify(log.slice(-20))}`)
      await Bun.sleep(20)
    }
  }

  for (const role of ['agent', 'front'] as const) {
    for (let index = 0; index < options[`${role}s`]; index++) {
      const redis = await options.redis({ role, index })
      const slot = { role, index, redis, isBusy: false, isLineShut: false }
      slots.push({ ...slot, member: await spawn(slot) })
    }
  }
  await Promise.all(slots.map(({ member }) => untilUp(member)))

  return {
    slots,
    log,
    members,
    of: role => slots.filter(each => each.role === role),
    async fill(slot) {
      slot.member = await spawn(slot)
      await untilUp(slot.member)
    },
    memberOfAgent: agent => members.find(({ pid }) => agent.includes(`-${pid}-`)),
    async close() {
      for (const { child } of members) child.kill('SIGKILL')
      await Promise.all(members.map(each => each.exited))
      for (const { redis } of slots) redis.close()
    },
  }
}

/** Resident memory and open files of a living process. */
export function resourcesOf(pid: number): { residentMegabytes: number; files: number } {
  const kibibytes = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1]
  return { residentMegabytes: Number(kibibytes) / 1_024, files: readdirSync(`/proc/${pid}/fd`).length }
}

/** Whether a local TCP connection from this port belongs to that process, as Linux's tables tell. */
export function isPortOf(pid: number, clientPort: number): boolean {
  const hexPort = clientPort.toString(16).toUpperCase().padStart(4, '0')
  const row = readFileSync('/proc/net/tcp', 'latin1')
    .split('\n')
    .map(line => line.trim().split(/\s+/))
    .find(fields => fields[1]?.endsWith(`:${hexPort}`) && fields[9] !== '0')
  if (!row) return false
  try {
    return readdirSync(`/proc/${pid}/fd`).some(fd => linkOf(pid, fd) === `socket:[${row[9]}]`)
  } catch {
    // The process has ended meanwhile: nothing is its.
    return false
  }
}

function linkOf(pid: number, fd: string): string {
  try {
    return readlinkSync(`/proc/${pid}/fd/${fd}`)
  } catch {
    // Closed between the listing and the reading.
    return ''
  }
}

/** Hands on whole lines. */
function createLineSplitter(onLine: (line: string) => void): (text: string) => void {
  let rest = ''
  return text => {
    const lines = (rest + text).split('\n')
    rest = lines.pop()!
    for (const line of lines) if (line !== '') onLine(line)
  }
}
