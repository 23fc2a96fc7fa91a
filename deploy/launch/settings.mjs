// Reads a setting as the service will see it: from the environment, else from the project's .env files, which
// Bun reads by itself. Without this the launcher would start a Redis beside the one that .env names. Nothing
// is changed.
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseEnv } from 'node:util'

/** The value of a setting.
 *  @param {string} name
 *  @param {{ projectDir: string, env: Record<string, string | undefined> }} context
 *  @returns {string | undefined} undefined when it is not set, or is empty */
export function settingOf(name, { projectDir, env }) {
  if (env[name] !== undefined) return env[name] || undefined
  // Bun's order: a later file gives way to an earlier one.
  const files = ['.env.local', `.env.${env.NODE_ENV || 'development'}`, '.env'].map(file =>
    join(projectDir, file),
  )
  const values = files
    .filter(file => existsSync(file))
    .map(file => parseEnv(readFileSync(file, 'utf8'))[name])
  return values.find(value => value !== undefined && value !== '')
}
