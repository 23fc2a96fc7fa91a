// Reads the ways to deploy, and the settings that they give the service.
import { join } from 'node:path'
import { type Config, readConfig } from '../../src/config/config.ts'

export const ROOT = join(import.meta.dir, '../..')
export const DEPLOY = join(ROOT, 'deploy')
export const read = (path: string) => Bun.file(join(DEPLOY, path)).text()

/** A resource of Kubernetes or a part of Compose, as far as the tests look at it. */
// biome-ignore lint/suspicious/noExplicitAny: manifests are what they are; each test names the fields that it means
export type Resource = any

export async function resources(path: string): Promise<Resource[]> {
  const parsed = Bun.YAML.parse(await read(path))
  return Array.isArray(parsed) ? parsed : [parsed]
}

/** The settings that a process gets, by way of all of these. @throws when the service would not start with them. */
export function configOf(env: Record<string, unknown>): Config {
  const config = readConfig(
    Object.fromEntries(Object.entries(env).map(([name, value]) => [name, String(value)])),
  )
  if (!config.ok) throw new Error(config.failure.join('\n'))
  return config.value
}
