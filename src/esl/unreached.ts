// Why the doctor could not reach or could not log in at an event socket, as findings: what it means, and what to do.
// `checkup.ts` tries the connection and asks here for the words; nothing is sent from here.
import { type Finding, problem } from '../base/finding.ts'
import { assertNever } from '../base/result.ts'
import { SPEAKER_WORDS, type Speaker } from '../base/speaker.ts'
import { toSeconds } from '../base/units.ts'
import type { LinkLoss } from './connection.ts'

/** The address that was tried, and how long its answers were waited for. */
interface Tried {
  host: string
  port: number
  limitMs: number
}

/** Whether something listens there, and did not say that it refuses us: then it is worth asking what it is. */
export const isTelling = ({ kind }: LinkLoss): boolean =>
  kind !== 'connect-failed' && kind !== 'connect-timeout' && kind !== 'refused'

/** What listens at the switch's address instead of an event socket.
 *  @returns undefined when it is an event socket, or when that can't be told. */
export function mistakenFinding(speaker: Speaker, { host, port }: Tried): Finding | undefined {
  if (speaker === 'event-socket' || speaker === 'silent' || speaker === 'unreachable') return undefined
  const isEncrypted = speaker === 'tls' || speaker === 'redis-tls'
  return problem(
    'switch connection',
    `What listens at ${host}:${port} is ${SPEAKER_WORDS[speaker]}, not FreeSWITCH's event socket.`,
    isEncrypted
      ? 'The event socket knows no TLS. Name its own address in ESL_URL (port 8021 by default), or a tunnel on this machine that takes the TLS off.'
      : 'Mend host and port in ESL_URL and ESL_PORT: the event socket has port 8021 by default (listen-port in event_socket.conf).',
  )
}

/** Why the connection came to nothing. */
export function lossFinding(loss: LinkLoss, { host, port, limitMs }: Tried): Finding {
  const check = 'switch connection'
  const at = `${host}:${port}`
  switch (loss.kind) {
    case 'connect-failed':
    case 'connect-timeout': {
      const why =
        loss.kind === 'connect-failed' ? loss.detail : `no connection within ${toSeconds(limitMs)} s`
      return problem(
        check,
        `The switch can't be reached at ${at}: ${why}.`,
        'Start FreeSWITCH with its event socket; listen-ip and listen-port in event_socket.conf, ESL_URL and ESL_PORT must agree, and no firewall stand between.',
      )
    }
    case 'refused':
      if (/access denied/i.test(loss.detail))
        return problem(
          check,
          `The switch's access list keeps us out (${loss.detail}).`,
          'Add the address of this machine to the list that apply-inbound-acl names in event_socket.conf, then reloadacl.',
        )
      return problem(
        check,
        `The switch refuses the password (${loss.detail}).`,
        'Put the password of event_socket.conf into ESL_PASSWORD.',
      )
    case 'handshake-timeout':
    case 'command-timeout':
    case 'silent':
      return problem(
        check,
        `Something listens at ${at} and says nothing within ${toSeconds(limitMs)} s.`,
        'If it is FreeSWITCH, it hangs (fs_cli -x status); else mend ESL_URL.',
      )
    case 'handshake-failed':
      // `global_getvar`, the first command of all, is mod_commands'.
      if (loss.detail === 'no core_uuid')
        return problem(
          'switch modules',
          'mod_commands is not loaded: the switch knows none of our commands.',
          loadTodo('mod_commands'),
        )
      return brokenOff(at, loss)
    case 'socket-closed':
    case 'disconnect-notice':
    case 'protocol-error':
      return brokenOff(at, loss)
    default:
      return assertNever(loss)
  }
}

const brokenOff = (at: string, { kind, detail }: { kind: string; detail: string }): Finding =>
  problem(
    'switch connection',
    `What listens at ${at} breaks off (${kind}: ${detail}).`,
    'See that ESL_URL leads to an event socket of FreeSWITCH, and to its log.',
  )

/** What to do about a module that is missing. */
export const loadTodo = (name: string): string =>
  `Load it: fs_cli -x "load ${name}", and in modules.conf.xml.`
