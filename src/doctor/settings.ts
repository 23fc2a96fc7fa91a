// Examines the settings by themselves: those that can't be used, and those that can and are careless on a machine that
// serves real phones. No value of a secret is ever repeated.

import { type Finding, fine, problem, warning } from '../base/finding.ts'
import { toSeconds } from '../base/units.ts'
import { type Config, isLoopback } from '../config/config.ts'
import { misspeltSettings } from '../config/misspelt.ts'
import type { NetworkList } from '../config/networks.ts'

/** @param mistakes as `readConfigAnyway` tells them, each beginning with the setting's name. */
export function mistakeFindings(mistakes: readonly string[]): Finding[] {
  if (mistakes.length === 0) return [fine('settings', 'All settings can be used.')]
  return mistakes.map(mistake =>
    problem(
      'settings',
      `${mistake}.`,
      'Mend it: the service does not start. What is allowed: docs/settings.md.',
    ),
  )
}

/** Variables whose names resemble a setting's: the setting has its default, not the value that was meant. */
export function misspeltFindings(env: Record<string, string | undefined>): Finding[] {
  return misspeltSettings(env).map(({ given, meant }) =>
    warning(
      'misspelt setting',
      `${given} is no setting and has no effect.`,
      `If ${meant} is meant, name it so: it is not set, and its default holds.`,
    ),
  )
}

/** Addresses that are reserved for documentation, far apart: a list that admits both addresses of a family admits everybody. */
const STRANGERS = [
  ['198.51.100.7', '203.0.113.9'],
  ['2001:db8::7', '3fff:fff::9'],
]

const admitsStrangers = (list: NetworkList): boolean => STRANGERS.some(pair => pair.every(list))

export function examineSettings(config: Config): Finding[] {
  const isFront = config.role !== 'agent'
  return [
    ...(isFront ? [...examineApps(config), ...examineAdmission(config), ...examineWaits(config)] : []),
  ].concat(
    config.showsFullNumbers
      ? [
          warning(
            'log',
            'LOG_FULL_NUMBERS=true: the log holds whole phone numbers and accounts.',
            'Leave it off where nobody is looking for a fault.',
          ),
        ]
      : [],
  )
}

/** The URL and the login that apps use. They matter once real pushes are sent. */
function examineApps(config: Config): Finding[] {
  const isServing = config.appsFile !== undefined
  const careless = isServing ? problem : warning
  const findings: Finding[] = []
  if (config.authMode === 'none')
    findings.push(
      careless(
        'app login',
        'AUTH_MODE is none: anybody who reaches the public listener can register a phone for any account, and get its calls.',
        'Set AUTH_MODE to upstream or jwt.',
      ),
    )
  if (config.jwtSecrets.length === 0)
    findings.push(
      warning(
        'confirmation keys',
        'JWT_SECRETS is not set: the pods share one key through Redis, and whoever reads Redis can confirm calls.',
        'Set JWT_SECRETS, for example to 2026a:$(openssl rand -hex 32).',
      ),
    )
  const { appApiUrl } = config
  if (appApiUrl === undefined)
    findings.push(
      careless(
        'app address',
        'APP_API_URL is not set: pushes tell phones to answer to 127.0.0.1, which is the phone itself.',
        'Set it to the https address under which phones reach the public listener.',
      ),
    )
  else if (!appApiUrl.startsWith('https://') && !isLoopback(new URL(appApiUrl).hostname))
    findings.push(
      careless(
        'app address',
        'APP_API_URL is not https: confirmation tokens and device tokens cross the network in the clear, and iOS refuses it.',
        'Put a proxy that speaks TLS in front of the public listener, and name its https address.',
      ),
    )
  return findings
}

function examineAdmission(config: Config): Finding[] {
  const { pbxAllow, pbxToken, trustProxy, rateLimitPerMinute, appsFile } = config
  const { role, socketHost, socketPort, eslSwitches } = config
  const careless = appsFile === undefined ? warning : problem
  const findings: Finding[] = []
  if (admitsStrangers(pbxAllow))
    findings.push(
      problem(
        'pbx admission',
        'PBX_ALLOW admits everybody: anybody can make phones ring.',
        'Name the addresses of the PBXs, or use PBX_TOKEN.',
      ),
    )
  else if (pbxAllow.privateRanges.length > 0)
    findings.push(
      careless(
        'pbx admission',
        `PBX_ALLOW admits whole private ranges (${pbxAllow.privateRanges.join(', ')}): behind a NAT or a proxy strangers come from there, and can make phones ring.`,
        'Name each PBX by its own address, or use PBX_TOKEN.',
      ),
    )
  if (pbxToken === undefined && pbxAllow.isEmpty)
    findings.push(
      problem(
        'pbx admission',
        'PBX_ALLOW is empty and PBX_TOKEN is not set: no PBX is answered.',
        'Name the addresses of the PBXs, or set PBX_TOKEN.',
      ),
    )
  if (role !== 'agent' && socketPort !== 0) {
    if (pbxAllow.isEmpty)
      findings.push(
        warning(
          'dialplan socket',
          `The dialplan's socket at ${socketHost}:${socketPort} admits nobody: PBX_ALLOW is empty, and a socket brings no token.`,
          "Name the switch's address in PBX_ALLOW, or set SOCKET_PORT=0.",
        ),
      )
    const far = eslSwitches.find(({ host }) => !isLoopback(host))
    if (isLoopback(socketHost) && far && role === 'all')
      findings.push(
        warning(
          'dialplan socket',
          `FreeSWITCH at ${far.host} can't reach the dialplan's socket, which listens on ${socketHost} alone.`,
          'Set SOCKET_HOST to an address of this machine that the switch reaches, and name the switch in PBX_ALLOW; or set SOCKET_PORT=0.',
        ),
      )
  }
  if (admitsStrangers(trustProxy))
    findings.push(
      problem(
        'pbx admission',
        'TRUST_PROXY believes everybody: anybody can claim the address of a PBX by X-Forwarded-For.',
        'Name the addresses of the proxies alone.',
      ),
    )
  if (rateLimitPerMinute === 0)
    findings.push(
      warning(
        'rate limit',
        'RATE_LIMIT=0: nothing slows down who tries tokens.',
        'Set it; the default is 600.',
      ),
    )
  return findings
}

function examineWaits({ roundtripWaitMs, resendIntervalMs }: Config): Finding[] {
  // No push is sent in the last interval of a wait.
  if (resendIntervalMs * 2 <= roundtripWaitMs) return []
  return [
    warning(
      'resends',
      `APP_PUSH_RESEND_INTERVAL (${toSeconds(resendIntervalMs)} s) is more than half of APP_PUSH_ROUNDTRIP_WAIT (${toSeconds(roundtripWaitMs)} s): no push is sent twice.`,
      'Lower the one or raise the other: one lost push loses the call.',
    ),
  ]
}
