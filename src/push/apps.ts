// Knows which apps there are and holds their credentials, as APPS_FILE names them. The file and the key files beside
// it are read at start and again whenever one of them changes; a broken new version is logged and the old one kept.
// What is done with the credentials is not known here.
import { type FSWatcher, readlinkSync, watch } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import type { Log } from '../base/log.ts'
import { messageOf } from '../base/result.ts'
import { type AppEntry, readAppsFile } from './appsFile.ts'
import { type Platform, vendorOf } from './push.ts'

/** Changes come in groups: a temporary file, a rename, a key file. They are read together, this long after the first,
 *  so that a directory where something changes all the time costs ten readings a second at most. */
const SETTLE_MS = 100

/** As many symlinks in a row as Linux follows. Beyond it the path is a loop and can't be read anyway. */
const SYMLINKS_MAX = 40

/** The apps of this process. */
export interface Apps {
  /** True without APPS_FILE: every app is accepted, and pushes go to the log. */
  readonly isOpen: boolean
  /** The app's entry for a platform. `gcm` and `android` stand in for each other. Undefined: unknown app. */
  find(app: string, platform: Platform): AppEntry | undefined
  all(): readonly AppEntry[]
  /** Calls back after every reload that changed something. @returns the way to stop that. */
  onChange(listener: () => void): () => void
  close(): void
}

/** An app by what phones call it when they register by SIP. Holds no secret, so it may go to worker threads. */
export interface AppNames {
  app: string
  platform: Platform
  /** Apple's. */
  topic?: string
  teamId?: string
  /** Google's. */
  projectId?: string
  senderId?: string
}

/** @returns undefined without APPS_FILE: every name is taken. */
export const appNamesOf = (apps: Apps): AppNames[] | undefined =>
  apps.isOpen ? undefined : appNamesIn(apps.all())

/** By what phones name the apps of these entries. */
export function appNamesIn(entries: readonly AppEntry[]): AppNames[] {
  return entries.map(({ platform, settings }) => {
    const { app } = settings
    if (settings.platform === 'apns') return { app, platform, topic: settings.topic, teamId: settings.teamId }
    const { projectId, senderId } = settings
    return { app, platform, projectId, ...(senderId === undefined ? {} : { senderId }) }
  })
}

/** APPS_FILE can't be used. Each mistake names entry and field, none a value. */
export class AppsFileError extends Error {
  override name = 'AppsFileError'
  readonly mistakes: readonly string[]

  constructor(mistakes: readonly string[]) {
    super(`APPS_FILE can't be used:\n${mistakes.map(mistake => `  ${mistake}`).join('\n')}`)
    this.mistakes = mistakes
  }
}

/** Reads APPS_FILE and keeps watching it. @param path undefined: no file, every app is welcome.
 *  @throws {AppsFileError} with every mistake of the file at once. Only here: later versions are logged. */
export function openApps(path: string | undefined, { log }: { log: Log }): Apps {
  if (path === undefined) return openToAll
  const first = readAppsFile(path)
  if (!first.ok) throw new AppsFileError(first.failure)

  let file = first.value
  let settling: Timer | undefined
  let loggedMistakes = ''
  // By directory. Files are not watched: one that is replaced by renaming another over it, or by swapping a symlink
  // in front of it as Kubernetes does, is a new inode, and a watch on the old one stays silent for ever.
  const watchers = new Map<string, FSWatcher>()
  const listeners = new Set<() => void>()
  rewatch()

  return {
    isOpen: false,
    find: (app, platform) => findEntry(file.entries, app, platform),
    all: () => file.entries,
    onChange(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    close() {
      clearTimeout(settling)
      for (const watcher of watchers.values()) watcher.close()
      watchers.clear()
      listeners.clear()
    },
  }

  function reloadSoon(): void {
    settling ??= setTimeout(reload, SETTLE_MS)
  }

  function reload(): void {
    settling = undefined
    const next = readAppsFile(path!)
    if (!next.ok) {
      const mistakes = next.failure.join('\n')
      // Any change in the directory comes by here; the same mistakes need no second line.
      if (mistakes !== loggedMistakes)
        log.error({ mistakes: next.failure }, 'APPS_FILE is broken, the version before it stays in use')
      loggedMistakes = mistakes
      rewatch()
      return
    }
    loggedMistakes = ''
    const isChanged = next.value.fingerprint !== file.fingerprint
    file = next.value
    rewatch()
    if (!isChanged) return log.debug('APPS_FILE read again: nothing changed')
    log.info({ apps: file.entries.length }, 'APPS_FILE reloaded')
    for (const listener of listeners) listener()
  }

  function rewatch(): void {
    const wanted = new Set(file.paths.flatMap(directoriesOnTheWayTo))
    for (const [directory, watcher] of watchers) {
      if (wanted.has(directory)) continue
      watcher.close()
      watchers.delete(directory)
    }
    for (const directory of wanted) if (!watchers.has(directory)) watchDirectory(directory)
  }

  function watchDirectory(directory: string): void {
    try {
      const watcher = watch(directory, reloadSoon)
      watcher.on('error', thrown => {
        log.warn({ reason: messageOf(thrown) }, 'APPS_FILE: a directory is no longer watched')
        watcher.close()
        watchers.delete(directory)
        reloadSoon()
      })
      watchers.set(directory, watcher)
      // Something may have changed between the reading and the watching.
      reloadSoon()
    } catch (thrown) {
      // The directory was swapped away in this moment, or there are no inotify watches left.
      log.warn({ reason: messageOf(thrown) }, 'APPS_FILE: a directory can not be watched')
    }
  }
}

const openToAll: Apps = {
  isOpen: true,
  find: () => undefined,
  all: () => [],
  onChange: () => () => undefined,
  close: () => undefined,
}

/** The exact platform first: somebody may have an entry for `gcm` and another for `android`. A device that an agent
 *  without APPS_FILE heard register goes by its topic's or project's name, which counts where no app has that name. */
function findEntry(entries: readonly AppEntry[], app: string, platform: Platform): AppEntry | undefined {
  const named = entries.filter(entry => entry.settings.app === app)
  const sameApp = named.length > 0 ? named : entries.filter(({ settings }) => isCalled(settings, app))
  return (
    sameApp.find(entry => entry.platform === platform) ??
    sameApp.find(entry => vendorOf(entry.platform) === vendorOf(platform))
  )
}

const isCalled = (settings: AppEntry['settings'], name: string): boolean =>
  settings.platform === 'apns'
    ? settings.topic === `${name}.voip`
    : settings.projectId === name || settings.senderId === name

/** Where a change of a file shows: the directory it is named in, the one it lies in, and every one that holds a
 *  symlink on the way (`..data` of a ConfigMap, `current` of a release directory). */
function directoriesOnTheWayTo(path: string): string[] {
  const directories = new Set([dirname(path)])
  let reached = '/'
  let ahead = namesOf(path)
  for (let symlinks = 0; ahead.length > 0 && symlinks < SYMLINKS_MAX; ) {
    const [name, ...rest] = ahead as [string, ...string[]]
    const target = readSymlink(join(reached, name))
    if (target === undefined) {
      reached = join(reached, name)
      ahead = rest
    } else {
      symlinks++
      directories.add(reached)
      ahead = [...namesOf(resolve(reached, target)), ...rest]
      reached = '/'
    }
  }
  return [...directories.add(dirname(reached))]
}

const namesOf = (path: string): string[] => resolve(path).split('/').filter(Boolean)

/** @returns undefined for what is no symlink, or is not there. */
function readSymlink(path: string): string | undefined {
  try {
    return readlinkSync(path)
  } catch {
    // EINVAL: no symlink. ENOENT: gone in this moment; reading the file says so.
    return undefined
  }
}
