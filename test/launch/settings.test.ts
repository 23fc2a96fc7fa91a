// Where the launcher finds a setting, as the service will find it.
import { describe, expect, test } from 'bun:test'
import { contextOf, LAUNCH_DIR, makeProject } from './project.ts'

type Context = ReturnType<typeof contextOf>
const { settingOf } = (await import(`${LAUNCH_DIR}/settings.mjs`)) as {
  settingOf(name: string, context: Context): string | undefined
}

describe('a setting', () => {
  test('comes from the environment, else from the .env files in the order in which Bun reads them', () => {
    using project = makeProject()
    const name = 'PUBSUB_REDIS_URL'
    expect(settingOf(name, contextOf(project))).toBeUndefined()
    project.write('.env', `${name}="redis://from-env:6379"\n`)
    expect(settingOf(name, contextOf(project))).toBe('redis://from-env:6379')
    project.write('.env.production', `${name}=redis://from-production:6379\n`)
    expect(settingOf(name, contextOf(project, { NODE_ENV: 'production' }))).toBe(
      'redis://from-production:6379',
    )
    project.write('.env.local', `${name}=redis://from-local:6379\n`)
    expect(settingOf(name, contextOf(project))).toBe('redis://from-local:6379')
    expect(settingOf(name, contextOf(project, { [name]: 'redis://set:6379' }))).toBe('redis://set:6379')
  })
})
