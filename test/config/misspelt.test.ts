// Settings that were meant and not hit, and names of others that must be left in peace.
import { expect, test } from 'bun:test'
import { misspeltSettings } from '../../src/config/misspelt.ts'

const meant: [given: string, meant: string | undefined][] = [
  ['ESL_PASWORD', 'ESL_PASSWORD'],
  ['ESL_PASSWROD', 'ESL_PASSWORD'],
  ['ESL_PROT', 'ESL_PORT'],
  ['esl_password', 'ESL_PASSWORD'],
  ['APP_FILE', 'APPS_FILE'],
  ['APNS_FILE', 'APPS_FILE'],
  ['JWT_SECRET', 'JWT_SECRETS'],
  ['PBX_ALOW', 'PBX_ALLOW'],
  ['ADMIN-TOKEN', 'ADMIN_TOKEN'],
  ['REDIS_URL', 'PUBSUB_REDIS_URL'],
  ['REDIS_HOST', 'PUBSUB_REDIS_URL'],
  ['ESL_HOST', 'ESL_URL'],
  ['HOOKSWITCH_AUTH_MODE', 'AUTH_MODE'],
  ['SENTRY_DNS', 'SENTRY_DSN'],
  ['OTEL_EXPORTER_OTLP_ENDPONT', 'OTEL_EXPORTER_OTLP_ENDPOINT'],
  ['PATH', undefined],
  ['HOSTNAME', undefined],
  ['HOME', undefined],
  ['SSH_PORT', undefined],
  ['LOGNAME', undefined],
  ['GH_TOKEN', undefined],
  ['NPM_TOKEN', undefined],
  ['NODE_ENV', undefined],
  ['OTEL_TRACES_SAMPLER', undefined],
  ['HOOKSWITCH_REDIS_SERVER', undefined],
  ['HOOKSWITCH_FRONT_PORT', undefined],
  ['HOOKSWITCH_FRONT_SERVICE_HOST', undefined],
]
for (const [given, setting] of meant)
  test(`${given} ${setting ? `is meant to be ${setting}` : 'belongs to somebody else'}`, () => {
    expect(misspeltSettings({ [given]: 'x' })).toEqual(setting ? [{ given, meant: setting }] : [])
  })

test('whoever has set the right one, too, is not told; nor is anything that is empty', () => {
  expect(misspeltSettings({ APP_FILE: '/a', APPS_FILE: '/b', ESL_PASWORD: '' })).toEqual([])
})
