// Writes the documents that are made from others: the settings' table and `.env.example` from the code, the operator's
// alert rules from Prometheus' own. Tests compare them.
import { join } from 'node:path'
import { settingsEnv, settingsMarkdown } from '../src/config/documents.ts'
import { prometheusRule } from './prometheusRule.ts'

const ROOT = join(import.meta.dir, '..')
const alerts = await Bun.file(join(ROOT, 'deploy/prometheus/alerts.yaml')).text()

const documents = {
  'docs/settings.md': settingsMarkdown(),
  '.env.example': settingsEnv(),
  'deploy/kubernetes/components/prometheus-operator/alert-rules.yaml': prometheusRule(alerts),
}
for (const [path, text] of Object.entries(documents)) await Bun.write(join(ROOT, path), text)
process.stdout.write(`Made anew: ${Object.keys(documents).join(', ')}.\n`)
