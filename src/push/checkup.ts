// Examines the push credentials as the service will use them: reads APPS_FILE, and for each app asks Apple or Google a
// harmless question with its key. No phone is reached. What the answers mean stands beside the vendors' senders.
import { type Finding, fine, problem, warning } from '../base/finding.ts'
import type { Clock } from '../base/units.ts'
import { examineApns } from './apnsCheckup.ts'
import { createProviderTokens } from './apnsToken.ts'
import { type AppEntry, readAppsFile } from './appsFile.ts'
import { examineFcm } from './fcmCheckup.ts'

export interface PushCheckupOptions {
  appsFile: string | undefined
  clock: Clock
  /** For one question to a vendor. */
  limitMs: number
}

/** Findings under the app that they are about; those about the file itself have none. */
export interface PushFinding {
  app: string | undefined
  finding: Finding
}

/** Apps asked at once: each opens one or two connections. */
const APPS_AT_ONCE = 8

/** Never rejects: what can't be asked is a finding. */
export async function examinePush({ appsFile, clock, limitMs }: PushCheckupOptions): Promise<PushFinding[]> {
  if (appsFile === undefined) return [aboutFile(withoutFile())]
  const file = readAppsFile(appsFile)
  if (!file.ok) return file.failure.map(mistake => aboutFile(mistakeFinding(mistake)))
  const { entries } = file.value
  if (entries.length === 0)
    return [
      aboutFile(problem('apps file', 'APPS_FILE names no app: every registration is refused.', TODO_ENTRIES)),
    ]
  const providerTokens = createProviderTokens(clock)
  const found: PushFinding[] = [
    aboutFile(fine('apps file', `APPS_FILE names ${entries.length} apps, and their keys can be read.`)),
  ]
  for (let first = 0; first < entries.length; first += APPS_AT_ONCE) {
    const examined = entries.slice(first, first + APPS_AT_ONCE).map(async ({ settings }) => {
      const findings =
        settings.platform === 'apns'
          ? await examineApns({ app: settings, providerTokens, clock, limitMs })
          : await examineFcm({ app: settings, clock, limitMs })
      return findings.map(finding => ({ app: nameOf(settings), finding }))
    })
    found.push(...(await Promise.all(examined)).flat())
  }
  return found
}

const aboutFile = (finding: Finding): PushFinding => ({ app: undefined, finding })

const nameOf = ({ app, platform }: AppEntry['settings']): string => `${app} (${platform})`

const TODO_ENTRIES = 'The form of its entries stands in docs/operations.md, "Push credentials".'

const withoutFile = (): Finding =>
  warning(
    'apps file',
    'APPS_FILE is not set: every app is accepted, and no push leaves this machine.',
    `Name a file with the apps and their keys in APPS_FILE. ${TODO_ENTRIES}`,
  )

/** What to do, by the field that the mistake names. */
const TODOS: { field: RegExp; todo: string }[] = [
  {
    field: /: keyFile: can't be read/,
    todo: 'The path is taken relative to APPS_FILE; the service must be allowed to read it.',
  },
  {
    field: /: keyFile: /,
    todo: "Use the .p8 file as Apple's developer account gives it out (Keys, Apple Push Notifications service).",
  },
  { field: /: topic: /, todo: 'VoIP pushes go to the bundle id with .voip behind it.' },
  { field: /: (teamId|keyId): /, todo: "Both stand in Apple's developer account: Membership, and Keys." },
  {
    field: /: serviceAccountFile/,
    todo: 'Use the JSON file that the Firebase console gives out (Project settings, Service accounts, Generate new private key).',
  },
]

function mistakeFinding(mistake: string): Finding {
  const todo = TODOS.find(each => each.field.test(mistake))?.todo ?? TODO_ENTRIES
  return problem('apps file', mistake.startsWith('APPS_FILE') ? mistake : `APPS_FILE, ${mistake}`, todo)
}
