// Reads APPS_FILE and the key files it names, once, and says everything that is wrong with them. A mistake is told by
// entry and field, never by value: half of the values are secrets, and a key pasted into the wrong field is one too.
import { createHash, createPrivateKey, type KeyObject } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { fail, ok, type Result } from '../base/result.ts'
import type { ApnsApp } from './apns.ts'
import type { FcmApp } from './fcm.ts'
import { readJson } from './jsonText.ts'
import { PLATFORMS, type Platform } from './push.ts'

/** Far above any real file; each entry costs a connection and some kilobytes. */
export const APPS_MAX = 1_000

/** One entry, its key file read. */
export interface AppEntry {
  /** As the file has it; `settings.platform` is the vendor's. */
  platform: Platform
  settings: ApnsApp | FcmApp
  /** Changes whenever anything in `settings` does. */
  version: string
}

export interface AppsFile {
  entries: readonly AppEntry[]
  /** APPS_FILE itself and every key file. */
  paths: readonly string[]
  fingerprint: string
}

/** @param path key files are taken relative to its directory.
 *  @returns every mistake together, such as `entry 2 (com.example.phone): keyId: must be 10 …`. */
export function readAppsFile(path: string): Result<AppsFile, string[]> {
  const list = readList(path)
  if (!list.ok) return list
  const mistakes: string[] = []
  const paths = new Set([resolve(path)])
  const entries: AppEntry[] = []
  list.value.forEach((raw, index) => {
    const reader = new EntryReader(raw, index, dirname(resolve(path)), mistakes, paths)
    const entry = readEntry(reader)
    if (!entry) return
    const isDuplicate = entries.some(
      other => other.settings.app === entry.settings.app && other.platform === entry.platform,
    )
    if (isDuplicate) reader.mistake('app', `has an entry for ${entry.platform} already`)
    entries.push(entry)
  })
  if (mistakes.length > 0) return fail(mistakes)
  return ok({ entries, paths: [...paths], fingerprint: digestOf(entries.map(entry => entry.version)) })
}

function readList(path: string): Result<unknown[], string[]> {
  const text = readText(path)
  if (!text.ok) return fail([`APPS_FILE: ${text.failure}`])
  const read = readJson(text.value)
  if (!read.ok) return fail([`APPS_FILE: ${read.failure}`])
  const list = read.value
  if (!Array.isArray(list))
    return fail(['APPS_FILE: must be a JSON list of entries, also where there is one app: [{ … }]'])
  if (list.length > APPS_MAX) return fail([`APPS_FILE: has more than ${APPS_MAX} entries`])
  return ok(list)
}

function readEntry(reader: EntryReader): AppEntry | undefined {
  const platform = PLATFORMS.find(known => known === reader.value('platform'))
  if (!platform) reader.mistake('platform', `must be one of ${PLATFORMS.join(', ')}`)
  const app = reader.text('app', /^[A-Za-z0-9._-]{1,255}$/, 'must be a bundle id or package name')
  const settings = platform === 'apns' ? readApns(reader, app) : platform && readFcm(reader, app)
  if (!platform || !settings) return undefined
  return { platform, settings, version: digestOf(settings) }
}

function readApns(reader: EntryReader, app: string | undefined): ApnsApp | undefined {
  const tenCharacters = /^[A-Z0-9]{10}$/
  const teamId = reader.text('teamId', tenCharacters, 'must be 10 capital letters and digits')
  const keyId = reader.text('keyId', tenCharacters, 'must be 10 capital letters and digits')
  const topic =
    reader.value('topic') === undefined && app
      ? `${app}.voip`
      : reader.text('topic', /^[A-Za-z0-9.-]{1,250}\.voip$/, 'must be the bundle id and .voip')
  const signingKey = reader.file('keyFile')
  if (signingKey !== undefined && !isP256(signingKey))
    reader.mistake(
      'keyFile',
      'must hold an unencrypted P-256 private key in PEM, as Apple gives it out (.p8)',
    )
  if (!app || !teamId || !keyId || !topic || !signingKey) return undefined
  return { platform: 'apns', app, teamId, keyId, topic, signingKey }
}

function readFcm(reader: EntryReader, app: string | undefined): FcmApp | undefined {
  const text = reader.file('serviceAccountFile')
  if (text === undefined) return undefined
  const read = readJson(text)
  const account = read.ok ? read.value : undefined
  if (!isRecord(account)) {
    reader.mistake('serviceAccountFile', read.ok ? 'must hold a JSON object' : read.failure)
    return undefined
  }
  const field = (name: string, rule: RegExp, sentence: string) => {
    const value = account[name]
    if (typeof value === 'string' && rule.test(value)) return value
    reader.mistake(`serviceAccountFile: ${name}`, value === undefined ? 'is missing' : sentence)
    return undefined
  }
  field('type', /^service_account$/, 'must be service_account')
  const projectId = field('project_id', /^[a-z0-9:.-]{1,100}$/, 'must be a project id')
  const clientEmail = field('client_email', /^[^\s@]{1,100}@[^\s@]{1,200}$/, 'must be an e-mail address')
  const privateKey = field('private_key', /\S/, 'must be a private key')
  if (privateKey !== undefined && readKey(privateKey)?.asymmetricKeyType !== 'rsa')
    reader.mistake('serviceAccountFile: private_key', 'must be an unencrypted RSA private key in PEM')
  const senderId =
    reader.value('senderId') === undefined
      ? undefined
      : reader.text('senderId', /^[0-9]{1,30}$/, 'must be the digits of the sender id, as a text')
  if (!app || !projectId || !clientEmail || !privateKey) return undefined
  return {
    platform: 'android',
    app,
    projectId,
    ...(senderId === undefined ? {} : { senderId }),
    clientEmail,
    privateKey,
  }
}

/** One entry of the list, and where its mistakes go. */
class EntryReader {
  readonly #raw: Record<string, unknown>
  readonly #label: string
  readonly #directory: string
  readonly #mistakes: string[]
  readonly #paths: Set<string>

  constructor(raw: unknown, index: number, directory: string, mistakes: string[], paths: Set<string>) {
    this.#raw = isRecord(raw) ? raw : {}
    const app = this.#raw.app
    const isPlainName = typeof app === 'string' && /^[A-Za-z0-9._-]{1,255}$/.test(app)
    this.#label = `entry ${index + 1}${isPlainName ? ` (${app})` : ''}`
    this.#directory = directory
    this.#mistakes = mistakes
    this.#paths = paths
    if (!isRecord(raw)) this.mistake('entry', 'must be a JSON object')
  }

  mistake(field: string, sentence: string): void {
    this.#mistakes.push(`${this.#label}: ${field}: ${sentence}`)
  }

  value(field: string): unknown {
    return this.#raw[field]
  }

  text(field: string, rule: RegExp, sentence: string): string | undefined {
    const value = this.#raw[field]
    if (typeof value === 'string' && rule.test(value)) return value
    this.mistake(field, value === undefined ? 'is missing' : sentence)
    return undefined
  }

  /** The text of the file that a field names. */
  file(field: string): string | undefined {
    const name = this.text(field, /\S/, 'must be the name of a file')
    if (name === undefined) return undefined
    const path = resolve(this.#directory, name)
    const text = readText(path)
    if (!text.ok) {
      this.mistake(field, text.failure)
      return undefined
    }
    this.#paths.add(path)
    return text.value
  }
}

function readText(path: string): Result<string, string> {
  try {
    return ok(readFileSync(path, 'utf8'))
  } catch (thrown) {
    // The message would repeat the path, which may be a key pasted into the wrong field. ENOENT says enough.
    return fail(`can't be read (${(thrown as NodeJS.ErrnoException).code ?? 'unknown reason'})`)
  }
}

function readKey(pem: string): KeyObject | undefined {
  try {
    return createPrivateKey(pem)
  } catch {
    // Not a key; the caller names the field.
    return undefined
  }
}

function isP256(pem: string): boolean {
  const key = readKey(pem)
  return key?.asymmetricKeyType === 'ec' && key.asymmetricKeyDetails?.namedCurve === 'prime256v1'
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const digestOf = (value: unknown): string =>
  createHash('sha256').update(JSON.stringify(value)).digest('base64url')
