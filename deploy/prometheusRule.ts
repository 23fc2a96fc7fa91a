// The alert rules as the Prometheus operator wants them: the same text, as a resource of Kubernetes.

/** @param alerts the text of deploy/prometheus/alerts.yaml. */
export function prometheusRule(alerts: string): string {
  const groups = alerts.slice(alerts.indexOf('groups:')).trimEnd()
  return [
    '# Made from deploy/prometheus/alerts.yaml by npm run docs.',
    'apiVersion: monitoring.coreos.com/v1',
    'kind: PrometheusRule',
    'metadata:',
    '  name: hookswitch',
    'spec:',
    ...groups.split('\n').map(line => (line === '' ? '' : `  ${line}`)),
    '',
  ].join('\n')
}
