// The Kubernetes manifests, held against what the service is: times that fit its waits and its drain, settings
// that it takes, labels that find what they mean. kubectl is asked where it is on the PATH.
import { describe, expect, test } from 'bun:test'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Glob } from 'bun'
import { prometheusRule } from '../../deploy/prometheusRule.ts'
import { toSeconds } from '../../src/base/units.ts'
import { configOf, DEPLOY, type Resource, read, resources } from './manifests.ts'

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
