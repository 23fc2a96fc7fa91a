// Names the files that hold push credentials, as far as they can be found: APPS_FILE and the keys beside it, right or
// wrong. Whether the service can use them is told by `appsFile.ts`.
import { readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'

/** @returns absolute paths, APPS_FILE's first; some may not be there. */
export function keyFilePaths(appsFile: string): string[] {
  const path = resolve(appsFile)
  const named = entriesOf(path).flatMap(entry => [entry.keyFile, entry.serviceAccountFile])
  const keys = named.filter(each => typeof each === 'string').map(each => resolve(dirname(path), each))
  return [...new Set([path, ...keys])]
}

function entriesOf(path: string): Record<string, unknown>[] {
  try {
    const list: unknown = JSON.parse(readFileSync(path, 'utf8'))
    return Array.isArray(list) ? list.filter(each => typeof each === 'object' && each !== null) : []
  } catch {
    // Told by whoever reads it for use.
    return []
  }
}
