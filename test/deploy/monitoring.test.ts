// The dashboard and the alert rules speak of metrics that there are, by labels that they have, and every rule names a
// part of the runbook that is written. What promtool says of the rules is asked where there is one on the PATH.
import { describe, expect, test } from 'bun:test'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createMetrics } from '../../src/base/metrics.ts'

const ROOT = join(import.meta.dir, '../..')
const read = (path: string) => Bun.file(join(ROOT, path)).text()

interface Rule {
  alert: string
  expr: string
  labels: { severity: string }
  annotations: { summary: string; description: string; runbook: string }
}

interface Panel {
  id: number
  type: string
  title: string
  description?: string
  gridPos: { x: number; y: number; w: number; h: number }
  targets?: { expr: string; legendFormat: string; refId: string }[]
}

const rules = (
  Bun.YAML.parse(await read('deploy/prometheus/alerts.yaml')) as { groups: { rules: Rule[] }[] }
).groups.flatMap(group => group.rules)
const dashboard = JSON.parse(await read('deploy/grafana/hookswitch.json')) as {
  panels: Panel[]
  templating: { list: { name: string }[] }
  annotations: { list: { expr: string }[] }
  uid: string
  schemaVersion: number
}
const panels = dashboard.panels.filter(panel => panel.type !== 'row')
const queries = [
  ...panels.flatMap(panel => panel.targets!.map(target => target.expr)),
  ...dashboard.annotations.list.map(each => each.expr),
]

/** Metrics with their labels, as a scrape tells them. */
const known = new Map(
  (await createMetrics().registry.getMetricsAsJSON()).map(metric => {
    const { name } = metric
    const labels = (createMetrics().registry.getSingleMetric(name) as unknown as { labelNames: string[] })
      .labelNames
    return [name, labels] as const
  }),
)

/** What Prometheus itself adds. */
const OUTER_LABELS = ['instance', 'job', 'le', 'alertname', 'alertstate']

/** Names in an expression that could be metrics; a histogram's by the name of the whole. */
function metricsIn(expr: string): string[] {
  const names = expr.match(/\b(?:hookswitch|vialer|process|redis)_[a-z_]+\b/g) ?? []
  return names.map(name => (known.has(name) ? name : name.replace(/_(?:bucket|count|sum)$/, '')))
}

function labelsIn(expr: string): string[] {
  const matchers = [...expr.matchAll(/([a-z_]+)\s*(?:=~|!~|!=|=)\s*"/g)].map(([, name = '']) => name)
  const groups = [...expr.matchAll(/\b(?:by|on)\s*\(([^)]*)\)/g)].flatMap(([, names = '']) =>
    names.split(/\s*,\s*/),
  )
  return [...matchers, ...groups]
}

describe('every expression', () => {
  for (const [where, exprs] of [
    ['of the alert rules', rules.map(rule => rule.expr)],
    ['of the dashboard', queries],
  ] as const)
    test(`${where} speaks of metrics that there are, by labels that they have`, () => {
      for (const expr of exprs) {
        const metrics = metricsIn(expr)
        expect(metrics.length).toBeGreaterThan(0)
        expect(metrics.filter(name => !known.has(name))).toEqual([])
        const labels = new Set([...OUTER_LABELS, ...metrics.flatMap(name => known.get(name) ?? [])])
        expect(labelsIn(expr).filter(label => !labels.has(label))).toEqual([])
      }
    })
})

/** Somebody is woken for these; all others wait for the morning. */
const CRITICAL = [
  'HookswitchAbsent',
  'HookswitchRedisAway',
  'HookswitchWakesBusy',
  'HookswitchPushesRefused',
  'HookswitchSwitchAway',
  'HookswitchSwitchRefuses',
  'HookswitchSwitchCrashed',
  'HookswitchJobsRefused',
  'HookswitchDialsFail',
]

describe('the alert rules', () => {
  test('have a name of their own, a severity, and plain words', () => {
    expect(new Set(rules.map(rule => rule.alert)).size).toBe(rules.length)
    for (const { alert, labels, annotations } of rules) {
      expect(alert).toMatch(/^Hookswitch[A-Z]/)
      expect({ alert, severity: labels.severity }).toEqual({
        alert,
        severity: CRITICAL.includes(alert) ? 'critical' : 'warning',
      })
      expect(annotations.summary).toMatch(/\.$/)
      expect(annotations.description).toMatch(/\.$/)
    }
  })

  test('lead to a part of the runbook that is written', async () => {
    const headings = [...(await read('docs/operations.md')).matchAll(/^#+ (.+)$/gm)].map(([, text = '']) =>
      text
        .toLowerCase()
        .replace(/[^\w\- ]/g, '')
        .replaceAll(' ', '-'),
    )
    for (const { annotations } of rules) {
      const [file, anchor] = annotations.runbook.split('#')
      expect(file).toBe('docs/operations.md')
      expect(headings).toContain(anchor!)
    }
  })

  const promtool = Bun.which('promtool')
  test.skipIf(promtool === null)('are right to promtool, and fire when they should', () => {
    const directory = join(ROOT, 'deploy/prometheus')
    for (const args of [
      ['check', 'rules', 'alerts.yaml'],
      ['test', 'rules', 'alerts.test.yaml'],
    ]) {
      const run = Bun.spawnSync([promtool!, ...args], { cwd: directory })
      expect([run.exitCode, run.exitCode === 0 ? '' : String(run.stdout) + String(run.stderr)]).toEqual([
        0,
        '',
      ])
    }
  })
})

describe('the dashboard', () => {
  const promtool = Bun.which('promtool')
  test.skipIf(promtool === null)('asks what promtool understands', async () => {
    const rules = queries.map((expr, index) => ({
      record: `query:${index}`,
      expr: expr.replaceAll('$__rate_interval', '5m').replaceAll('$instance', '.*'),
    }))
    // JSON is YAML.
    const file = join(tmpdir(), `hookswitch-queries-${crypto.randomUUID()}.yaml`)
    await Bun.write(file, JSON.stringify({ groups: [{ name: 'dashboard', rules }] }))
    const run = Bun.spawnSync([promtool!, 'check', 'rules', file])
    await Bun.file(file).delete()
    expect([run.exitCode, run.exitCode === 0 ? '' : String(run.stdout) + String(run.stderr)]).toEqual([0, ''])
  })

  test('shows every metric of the dial half and of the wake', () => {
    const shown = new Set(queries.flatMap(metricsIn))
    const missing = [...known.keys()].filter(name => name.startsWith('hookswitch_') && !shown.has(name))
    expect(missing).toEqual([])
  })

  test('is what Grafana imports: ids of their own, nothing over another, every panel explained', () => {
    expect(dashboard.uid).toBe('hookswitch')
    expect(dashboard.schemaVersion).toBeGreaterThanOrEqual(36)
    const all = dashboard.panels
    expect(new Set(all.map(panel => panel.id)).size).toBe(all.length)
    expect(new Set(panels.map(panel => panel.title)).size).toBe(panels.length)
    for (const { description, targets } of panels) {
      expect(description).toMatch(/\.$/)
      expect(new Set(targets!.map(target => target.refId)).size).toBe(targets!.length)
    }
    for (const [index, { gridPos: a }] of all.entries()) {
      expect(a.x + a.w).toBeLessThanOrEqual(24)
      for (const { gridPos: b } of all.slice(index + 1))
        expect(a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h).toBe(false)
    }
  })

  test('knows the variables that it uses', () => {
    const defined = new Set(dashboard.templating.list.map(each => each.name))
    const used = new Set(
      [...JSON.stringify(dashboard).matchAll(/\$\{?([a-z]+)\b/g)].map(([, name = '']) => name),
    )
    expect([...used].filter(name => !defined.has(name))).toEqual([])
  })
})
