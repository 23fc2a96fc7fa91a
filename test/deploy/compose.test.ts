// The Compose file, held against what the service is: times that fit its waits and its drain, settings
// that it takes, networks that keep Redis apart. Docker Compose is asked where it is on the PATH.
import { describe, expect, test } from 'bun:test'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { toSeconds } from '../../src/base/units.ts'
import { configOf, DEPLOY, type Resource, read } from './manifests.ts'

describe('Compose', async () => {
  const compose = Bun.YAML.parse(await read('compose.yaml')) as Resource
  const { redis, freeswitch, hookswitch, prometheus } = compose.services

  test('starts the service with settings that it takes, and stops it when its calls have ended', () => {
    const given = {
      ...hookswitch.environment,
      ESL_PASSWORD: 'secret',
      ADMIN_TOKEN: 'sixteen-characters',
      PBX_TOKEN: 'sixteen-characters',
      PUBSUB_REDIS_URL: hookswitch.environment.PUBSUB_REDIS_URL.replace(/\$\{REDIS_PASSWORD:[^}]+\}/, 'hush'),
    }
    const config = configOf(given)
    expect(config.role).toBe('all')
    expect(config.pbxAllow.isEmpty).toBe(true)
    expect(Number.parseInt(hookswitch.stop_grace_period, 10)).toBeGreaterThan(toSeconds(config.drainMaxMs))
    expect(hookswitch.ulimits.nofile.hard).toBeGreaterThan(config.waitsMax + 1_000)
    expect(config.redisUrl).toBe('redis://:hush@redis:6379')
    expect(config.eslSwitches.map(each => each.host)).toEqual(['freeswitch'])
  })

  test('has a Redis that keeps everything, and publishes neither it nor the event socket', () => {
    expect(redis.command.join(' ')).toContain('--appendonly yes --maxmemory-policy noeviction')
    expect(redis.volumes).toEqual(['redis-data:/data'])
    expect(redis.ports).toBeUndefined()
    expect(freeswitch.ports.some((port: string) => port.includes('8021'))).toBe(false)
    expect(compose.networks.inside.internal).toBe(true)
  })

  test('has a Redis with a password, which no other container reaches and no list of processes shows', () => {
    expect(redis.command[1]).toBe(redis.configs[0].target)
    expect(compose.configs.redis.content).toMatch(/^requirepass \$\{REDIS_PASSWORD:\?[^}]+\}\n$/)
    expect(redis.command.join(' ')).not.toContain('PASSWORD')
    expect(redis.networks).toEqual(['store'])
    expect(compose.networks.store.internal).toBe(true)
    const reaching = Object.entries(compose.services as Record<string, Resource>)
      .filter(([, service]) => service.networks.includes('store'))
      .map(([name]) => name)
    expect(reaching.toSorted()).toEqual(['hookswitch', 'redis'])
    // The event socket is the service's alone, too.
    expect(prometheus.networks).not.toContain('inside')
    expect(hookswitch.networks).toEqual(
      expect.arrayContaining([...freeswitch.networks, ...prometheus.networks]),
    )
  })

  test('shows the internal listener to this machine alone', () => {
    expect(hookswitch.ports).toEqual(['8080:8080', '127.0.0.1:9090:9090'])
    expect(prometheus.ports).toEqual(['127.0.0.1:9091:9090'])
  })

  test('mounts files that exist, on a file system that is read-only', () => {
    const mounts = [...freeswitch.volumes, ...prometheus.volumes].filter((each: string) =>
      each.startsWith('./'),
    )
    expect(mounts.length).toBe(4)
    for (const mount of mounts) expect(existsSync(join(DEPLOY, mount.split(':')[0]))).toBe(true)
    expect(hookswitch.read_only).toBe(true)
    expect(hookswitch.cap_drop).toEqual(['ALL'])
  })

  test('gives the switch a password that is not the default, and a list of who may use it', async () => {
    const conf = await read('freeswitch/event_socket.conf.xml')
    expect(conf).not.toContain('ClueCon')
    expect(conf).toContain('name="apply-inbound-acl" value="agents"')
    expect(await read('freeswitch/acl.conf.xml')).toContain('<list name="agents" default="deny">')
  })

  test('names the least version that reads it', async () => {
    // docs.docker.com, compose release notes: `required` came with 2.24.0.
    expect(hookswitch.env_file).toEqual([{ path: '../.env', required: false }])
    expect(await read('compose.yaml')).toContain('# Docker Compose 2.24 or newer')
  })

  const hasCompose =
    Bun.spawnSync(['sh', '-c', 'docker compose version'], { stderr: 'ignore' }).exitCode === 0
  test.skipIf(!hasCompose)('is read by docker compose', () => {
    const env = {
      ...process.env,
      ESL_PASSWORD: 'secret',
      ADMIN_TOKEN: 'sixteen-characters',
      PBX_TOKEN: 'sixteen-characters',
      REDIS_PASSWORD: 'secret',
    }
    const run = Bun.spawnSync(['docker', 'compose', '-f', join(DEPLOY, 'compose.yaml'), 'config', '-q'], {
      env,
    })
    expect([run.exitCode, String(run.stderr)]).toEqual([0, ''])
  })
})
