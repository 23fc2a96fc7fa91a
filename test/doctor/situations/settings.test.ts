// Wrong situations that concern neither Redis nor the switch: the app's login, APPS_FILE, misspelt settings, the clock.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { freePort } from '../../harness/redis.ts'
import { directory, type Env, expectEachToBeTold, redis, SECRET, stands } from './situations.ts'

const appleEntry = { app: 'com.example.phone', platform: 'apns', teamId: 'TEAM123456', keyId: 'KEY1234567' }

function withApps(name: string, text: string): Env {
  const path = join(directory, name)
  writeFileSync(path, text, { mode: 0o600 })
  return {
    ...{ APPS_FILE: path, AUTH_MODE: 'upstream', AUTH_URL: `http://127.0.0.1:${stands.login}` },
    JWT_SECRETS: `k1:${SECRET}`,
  }
}

expectEachToBeTold([
  {
    name: "the app's login is not started",
    env: async () => ({ AUTH_MODE: 'upstream', AUTH_URL: `http://127.0.0.1:${await freePort()}` }),
    check: 'app login',
    what: /^AUTH_URL can't be asked: nobody listens there \(ECONNREFUSED\)\. No device can register \(503\)\.$/,
    todo: /^Start it, or mend AUTH_URL\.$/,
  },
  {
    name: "the issuer's keys are asked for by https where there is none",
    env: () => ({
      ...{ AUTH_MODE: 'jwt', AUTH_ISSUER: 'i', AUTH_AUDIENCE: 'a' },
      AUTH_JWKS_URL: `https://127.0.0.1:${stands.http}/keys`,
    }),
    check: 'app login',
    what: /^AUTH_JWKS_URL says https, and what listens there speaks no TLS/,
    todo: /^Name the port that speaks TLS/,
  },
  {
    name: "the app's login is asked by http where TLS is spoken",
    env: () => ({ AUTH_MODE: 'upstream', AUTH_URL: `http://127.0.0.1:${stands.tls}` }),
    check: 'app login',
    what: /^AUTH_URL says http, and what listens there speaks TLS/,
    todo: /^Write https:\/\/\.$/,
  },
  {
    name: 'a comma is missing in APPS_FILE',
    env: () =>
      withApps(
        'comma.json',
        '[\n  { "app": "com.example.phone", "platform": "apns"\n    "teamId": "TEAM123456" }\n]',
      ),
    check: 'apps file',
    what: /^APPS_FILE: line 3, column 5: a comma is missing before this\.$/,
    todo: /Push credentials/,
    start: /^APPS_FILE: line 3, column 5: a comma is missing before this$/,
  },
  {
    name: 'APPS_FILE went through a word processor',
    env: () => withApps('quotes.json', '[{ “app”: “com.example.phone” }]'),
    check: 'apps file',
    what: /^APPS_FILE: line 1, column 4: this is no JSON: texts and names stand in straight double quotes/,
    todo: /Push credentials/,
    start: /line 1, column 4/,
  },
  {
    name: 'APPS_FILE has one app, and no list',
    env: () => withApps('single.json', '{ "app": "com.example.phone" }'),
    check: 'apps file',
    what: /^APPS_FILE: must be a JSON list of entries, also where there is one app/,
    todo: /Push credentials/,
    start: /must be a JSON list/,
  },
  {
    name: "Apple's key is not where APPS_FILE says",
    env: () => withApps('nokey.json', JSON.stringify([{ ...appleEntry, keyFile: 'AuthKey_gone.p8' }])),
    check: 'apps file',
    what: /^APPS_FILE, entry 1 \(com\.example\.phone\): keyFile: can't be read \(ENOENT\)\.$/,
    todo: /relative to APPS_FILE/,
    start: /keyFile: can't be read \(ENOENT\)/,
  },
  {
    name: 'a setting has a slip in its name',
    env: () => ({ PUBSUB_REDIS_URL: redis.url, APP_PUSH_ROUNDTRIP_WIAT: '4000' }),
    check: 'misspelt setting',
    isWarning: true,
    what: /^APP_PUSH_ROUNDTRIP_WIAT is no setting and has no effect\.$/,
    todo: /^If APP_PUSH_ROUNDTRIP_WAIT is meant/,
    start: /APP_PUSH_ROUNDTRIP_WIAT is no setting and has no effect; is APP_PUSH_ROUNDTRIP_WAIT meant/,
  },
  {
    name: "this machine's clock is two minutes late, against everybody's",
    env: () => ({ ROLE: 'agent' }),
    clock: () => Date.now() - 120_000,
    check: 'clock',
    what: /^The clock of this machine is 1(19|20|21) s behind Redis and the switch\.$/,
    todo: /NTP/,
  },
])
