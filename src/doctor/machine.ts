// Examines the machine that the service runs on: how many connections the kernel lets it hold, and the Bun that runs
// it. Reads what Linux tells of this process; elsewhere that part is left out.
import { readFileSync } from 'node:fs'
import { engines } from '../../package.json'
import { type Finding, fine, warning } from '../base/finding.ts'
import type { Config } from '../config/config.ts'

/** Open files beside those of held requests: apps that confirm or register, Redis, both vendors, switches. */
const OTHER_DESCRIPTORS = 1_000

/** @param bunVersion the version of the Bun that runs. */
export function examineMachine(
  { role, waitsMax }: Pick<Config, 'role' | 'waitsMax'>,
  bunVersion: string,
): Finding[] {
  const needed = OTHER_DESCRIPTORS + (role === 'agent' ? 0 : waitsMax)
  return [...readDescriptors(needed, role !== 'agent'), readBun(bunVersion)]
}

function readDescriptors(needed: number, isFront: boolean): Finding[] {
  const check = 'file descriptors'
  const limit = descriptorLimit()
  if (limit === undefined) return []
  if (limit >= needed)
    return [fine(check, `The process may have ${limit} connections and files open; ${needed} are enough.`)]
  const why = isFront ? `WAITS_MAX asks for ${needed}` : `${needed} should be`
  return [
    warning(
      check,
      `The process may have ${limit} connections and files open, and ${why}: those beyond are refused.`,
      'Raise the limit (LimitNOFILE= in systemd, --ulimit nofile= for a container, ulimit -Hn) or lower WAITS_MAX.',
    ),
  ]
}

/** The limit that holds now: at its start Bun raises the soft limit to the hard one. */
function descriptorLimit(): number | undefined {
  try {
    const line = /^Max open files\s+(\S+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1]
    return line === 'unlimited' ? Number.POSITIVE_INFINITY : Number(line)
  } catch {
    // This is no Linux: the limit is unknown, and no finding is made.
    return undefined
  }
}

function readBun(version: string): Finding {
  if (version === engines.bun) return fine('bun', `Bun is ${version}.`)
  return warning(
    'bun',
    `Bun is ${version}, and hookswitch was tested with ${engines.bun}.`,
    'Start with npm start or the image: both bring the right one.',
  )
}
