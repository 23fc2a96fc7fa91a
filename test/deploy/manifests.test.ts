// The ways to deploy, held against what the service is: times that fit its waits and its drain, settings that it
// takes, labels that find what they mean. Their own tools are asked where they are on the PATH.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Glob } from 'bun'
import { prometheusRule } from '../../deploy/prometheusRule.ts'
import { engines } from '../../package.json'
import { toSeconds } from '../../src/base/units.ts'
import { type Config, readConfig } from '../../src/config/config.ts'

const ROOT = join(import.meta.dir, '../..')
const DEPLOY = join(ROOT, 'deploy')
const read = (path: string) => Bun.file(join(DEPLOY, path)).text()

/** A resource of Kubernetes, as far as these tests look at it. */
// biome-ignore lint/suspicious/noExplicitAny: manifests are what they are; each test names the fields that it means
type Resource = any

async function resources(path: string): Promise<Resource[]> {
  const parsed = Bun.YAML.parse(await read(path))
  return Array.isArray(parsed) ? parsed : [parsed]
}

/** The settings that a process gets, by way of all of these. @throws when the service would not start with them. */
function configOf(env: Record<string, unknown>): Config {
  const config = readConfig(
    Object.fromEntries(Object.entries(env).map(([name, value]) => [name, String(value)])),
  )
  if (!config.ok) throw new Error(config.failure.join('\n'))
  return config.value
}

describe('Kubernetes', async () => {
  const kustomization = (await resources('kubernetes/kustomization.yaml'))[0]!
  const all: Resource[] = (
    await Promise.all(kustomization.resources.map((name: string) => resources(`kubernetes/${name}`)))
  ).flat()
  const secrets = await resources('kubernetes/secret.example.yaml')
  const scalers = await Promise.all([
    resources('kubernetes/components/keda/scaled-objects.yaml'),
    resources('kubernetes/components/prometheus-adapter/autoscalers.yaml'),
  ])
  const find = (kind: string, name: string) =>
    [...all, ...secrets].find(each => each.kind === kind && each.metadata.name === name)

  /** The environment of a Deployment's container, from everything that it names. */
  function envOf(deployment: Resource): Record<string, string> {
    const [container] = deployment.spec.template.spec.containers
    const sources = container.envFrom.map((from: Resource) => {
      const source = from.configMapRef
        ? find('ConfigMap', from.configMapRef.name)?.data
        : find('Secret', from.secretRef.name)?.stringData
      expect(source).toBeDefined()
      return source
    })
    const own = Object.fromEntries(container.env.map((each: Resource) => [each.name, each.value]))
    return Object.assign({}, ...sources, own)
  }

  test('has every file in the kustomization, but for the examples', () => {
    const files = [...new Glob('*.yaml').scanSync(join(DEPLOY, 'kubernetes'))]
    expect(kustomization.resources.toSorted()).toEqual(
      files.filter(name => name !== 'kustomization.yaml' && !name.includes('.example.')).toSorted(),
    )
  })

  test('knows PBXs by their token alone, and trusts no range in which others are', () => {
    const config = configOf(envOf(find('Deployment', 'hookswitch-front')))
    expect(config.pbxToken).toBeDefined()
    expect(config.pbxAllow.isEmpty).toBe(true)
    expect(config.trustProxy.privateRanges).toEqual([])
  })

  for (const role of ['front', 'agent'] as const)
    describe(`the ${role}`, () => {
      const deployment = find('Deployment', `hookswitch-${role}`)
      const pod = deployment.spec.template
      const [container] = pod.spec.containers
      const env = envOf(deployment)

      test('takes no setting from the addresses of other services', () => {
        expect(pod.spec.enableServiceLinks).toBe(false)
      })

      test('starts with these settings, in its role', () => {
        const config = configOf(env)
        expect(config.role).toBe(role)
        // Probes and Prometheus come from outside the pod.
        expect(config.internalHost).toBe('0.0.0.0')
      })

      test('has the time that a stop takes', () => {
        const { roundtripWaitMs, drainMaxMs } = configOf(env)
        const preStop = Number(container.lifecycle?.preStop.exec.command[1] ?? 0)
        const needed = role === 'front' ? preStop + toSeconds(roundtripWaitMs) + 1 : toSeconds(drainMaxMs)
        const given = pod.spec.terminationGracePeriodSeconds
        expect(given).toBeGreaterThan(needed)
        // The last seconds are for letting go; much more would only hide a pod that hangs.
        expect(given - needed).toBeLessThanOrEqual(60)
      })

      test('is probed on the internal listener', () => {
        const port = container.ports.find((each: Resource) => each.name === 'internal').containerPort
        expect(port).toBe(configOf(env).internalPort)
        const { startupProbe, livenessProbe, readinessProbe } = container
        for (const probe of [startupProbe, livenessProbe, readinessProbe])
          expect(probe.httpGet.port).toBe('internal')
        expect([startupProbe, livenessProbe, readinessProbe].map(each => each.httpGet.path)).toEqual([
          '/healthz',
          '/healthz',
          '/readyz',
        ])
      })

      test('may do nothing beside its work', () => {
        expect(pod.spec.automountServiceAccountToken).toBe(false)
        expect(pod.spec.securityContext.runAsNonRoot).toBe(true)
        expect(container.securityContext).toEqual({
          allowPrivilegeEscalation: false,
          readOnlyRootFilesystem: true,
          capabilities: { drop: ['ALL'] },
        })
      })

      test('knows no secret of the other role', () => {
        expect('ESL_PASSWORD' in env).toBe(role === 'agent')
        expect('JWT_SECRETS' in env).toBe(role === 'front')
        expect('APPS_FILE' in env).toBe(role === 'front')
      })

      test('is found by its selectors, its budget, its network policy and its autoscalers', () => {
        const labels = pod.metadata.labels
        expect(deployment.spec.selector.matchLabels).toEqual(labels)
        expect(find('PodDisruptionBudget', `hookswitch-${role}`).spec.selector.matchLabels).toEqual(labels)
        expect(find('NetworkPolicy', `hookswitch-${role}`).spec.podSelector.matchLabels).toEqual(labels)
        expect(pod.spec.topologySpreadConstraints[0].labelSelector.matchLabels).toEqual(labels)
        for (const scaler of scalers.map(set =>
          set.find(each => each.metadata.name === `hookswitch-${role}`),
        )) {
          expect(scaler.spec.scaleTargetRef.name).toBe(`hookswitch-${role}`)
          // One alone could not hand its calls over, or be replaced without a gap.
          expect(scaler.spec.minReplicas ?? scaler.spec.minReplicaCount).toBeGreaterThanOrEqual(2)
        }
        expect(deployment.spec.replicas).toBeGreaterThanOrEqual(2)
        expect(find('PodDisruptionBudget', `hookswitch-${role}`).spec.maxUnavailable).toBe(1)
      })
    })

  test('the service leads to the public listener', () => {
    const service = find('Service', 'hookswitch-front')
    const pod = find('Deployment', 'hookswitch-front').spec.template
    expect(service.spec.selector).toEqual(pod.metadata.labels)
    const [port] = service.spec.ports
    const target = pod.spec.containers[0].ports.find((each: Resource) => each.name === port.targetPort)
    expect(target.containerPort).toBe(configOf({}).port)
  })

  test('fronts are scaled at half of the waits that each may hold', () => {
    const { waitsMax } = configOf(envOf(find('Deployment', 'hookswitch-front')))
    const [keda, hpa] = scalers.map(set => set.find(each => each.metadata.name === 'hookswitch-front'))
    expect(Number(keda.spec.triggers[0].metadata.threshold)).toBe(waitsMax / 2)
    expect(Number(hpa.spec.metrics[0].pods.target.averageValue)).toBe(waitsMax / 2)
  })

  test("the operator's alert rules are Prometheus' own (else run: npm run docs)", async () => {
    const made = await read('kubernetes/components/prometheus-operator/alert-rules.yaml')
    expect(made).toBe(prometheusRule(await read('prometheus/alerts.yaml')))
  })

  const kubectl = Bun.which('kubectl')
  test.skipIf(kubectl === null)('is built by kubectl, with each of its components', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'hookswitch-kustomize-'))
    try {
      const components = ['keda', 'prometheus-adapter', 'prometheus-operator']
      Bun.spawnSync(['cp', '-r', join(DEPLOY, 'kubernetes'), join(directory, 'base')])
      const overlay = {
        apiVersion: 'kustomize.config.k8s.io/v1beta1',
        kind: 'Kustomization',
        resources: ['base'],
        components: components.map(name => `base/components/${name}`),
      }
      await Bun.write(join(directory, 'kustomization.yaml'), JSON.stringify(overlay))
      const run = Bun.spawnSync([kubectl!, 'kustomize', directory])
      expect([run.exitCode, String(run.stderr)]).toEqual([0, ''])
      const text = String(run.stdout)
      for (const kind of [
        'Deployment',
        'ScaledObject',
        'HorizontalPodAutoscaler',
        'PodMonitor',
        'PrometheusRule',
      ])
        expect(text).toContain(`\nkind: ${kind}\n`)
      expect(text).toContain('app.kubernetes.io/name: hookswitch')
    } finally {
      rmSync(directory, { recursive: true })
    }
  })
})

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

describe('systemd', async () => {
  const unit = await read('systemd/hookswitch.service')
  const setTo = (name: string) => new RegExp(`^${name}=(.*)$`, 'm').exec(unit)?.[1]
  const config = configOf({})

  test('stops it when its calls have ended, by one signal to one process', () => {
    expect(Number(setTo('TimeoutStopSec'))).toBeGreaterThan(toSeconds(config.drainMaxMs))
    expect(setTo('KillSignal')).toBe('SIGTERM')
    expect(setTo('KillMode')).toBe('mixed')
  })

  test('gives it the connections that its waits need, and does not start it again with wrong settings', () => {
    expect(Number(setTo('LimitNOFILE'))).toBeGreaterThan(config.waitsMax + 1_000)
    expect(setTo('RestartPreventExitStatus')).toBe('78')
    expect(setTo('User')).toBe('hookswitch')
  })

  test('names the Bun that package.json names', () => {
    expect(unit).toContain(`npm install -g bun@${engines.bun}`)
  })

  describe('the command line beside it', () => {
    let directory: string
    beforeAll(async () => {
      directory = mkdtempSync(join(tmpdir(), 'hookswitch-systemd-'))
      // Stands in for systemd: shows what it is asked to run.
      await Bun.write(join(directory, 'systemd-run'), '#!/bin/sh\nprintf "%s\\n" "$@"\n')
      await Bun.write(join(directory, 'id'), '#!/bin/sh\necho "$USER_ID"\n')
      Bun.spawnSync(['chmod', '755', join(directory, 'systemd-run'), join(directory, 'id')])
    })
    afterAll(() => rmSync(directory, { recursive: true }))

    const runAs = (userId: string) => {
      const path = { PATH: `${directory}:${process.env.PATH}`, USER_ID: userId }
      const run = Bun.spawnSync([join(DEPLOY, 'systemd/hookswitch'), 'doctor', '--json'], {
        env: path,
        stdin: 'ignore',
      })
      return {
        exitCode: run.exitCode,
        asked: String(run.stdout).trimEnd().split('\n'),
        errors: String(run.stderr),
      }
    }

    test("runs with the unit's user, settings, directory and limits, and its output stays as it is", () => {
      const { exitCode, asked } = runAs('0')
      expect(exitCode).toBe(0)
      expect(asked).toContain('--pipe')
      for (const name of [
        'User',
        'Group',
        'WorkingDirectory',
        'EnvironmentFile',
        'LimitNOFILE',
        'ProtectSystem',
        'ProtectHome',
      ])
        expect(asked).toContain(`--property=${name}=${setTo(name)}`)
      for (const pair of setTo('Environment')!.split(' ')) expect(asked).toContain(`--setenv=${pair}`)
      const bun = setTo('ExecStart')!.split(' ')[0]!
      expect(asked.slice(asked.indexOf(bun))).toEqual([bun, 'src/cli.ts', 'doctor', '--json'])
    })

    test('says that it wants root, who alone may read the settings', () => {
      const { exitCode, errors } = runAs('1000')
      expect(exitCode).toBe(2)
      expect(errors).toContain('run it with sudo')
    })

    test('needs no home, no temporary directory and no right to write: the doctor examines all the same', () => {
      const run = Bun.spawnSync([process.execPath, 'src/cli.ts', 'doctor', '--json', '--timeout', '2'], {
        cwd: ROOT,
        env: {
          PATH: '/usr/bin:/bin',
          HOME: '/nonexistent',
          TMPDIR: '/nonexistent',
          PUBSUB_REDIS_URL: 'redis://127.0.0.1:1',
          ESL_URL: '127.0.0.1:1',
          ...Object.fromEntries(
            setTo('Environment')!
              .split(' ')
              .map(pair => pair.split('=')),
          ),
        },
      })
      expect(String(run.stderr)).toMatch(/^[0-9]+ problems?, [0-9]+ warnings?\.$/m)
      const parts = new Set(
        String(run.stdout)
          .trimEnd()
          .split('\n')
          .map(line => JSON.parse(line).part),
      )
      for (const part of ['Settings', 'Machine', 'Redis', 'Switch 127.0.0.1:1']) expect(parts).toContain(part)
    })
  })

  const analyze = Bun.which('systemd-analyze')
  test.skipIf(analyze === null)('is right to systemd', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'hookswitch-unit-'))
    try {
      const path = join(directory, 'hookswitch.service')
      // The program of the unit need not be on this machine.
      await Bun.write(path, unit.replace(/^ExecStart=\S+/m, 'ExecStart=/bin/true'))
      const run = Bun.spawnSync([analyze!, 'verify', path])
      // What it says of the machine's other units is none of our business.
      const lines = String(run.stderr).split('\n')
      expect(lines.filter(line => line.includes('hookswitch.service'))).toEqual([])
    } finally {
      rmSync(directory, { recursive: true })
    }
  })
})
