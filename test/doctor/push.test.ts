// What the doctor finds at the push credentials. The vendors' part runs against their stubs, in a namespace.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { generateKeyPairSync } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { examinePush } from '../../src/push/checkup.ts'
import { makeAppleCredentials, makeGoogleCredentials, serviceAccountOf } from '../push/appCredentials.ts'
import { expectTestsPassInVendorNamespace } from '../push/vendorNames.ts'

const apple = makeAppleCredentials()
const account = serviceAccountOf(makeGoogleCredentials())
let directory: string

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'hookswitch-doctor-'))
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey
  writeFileSync(join(directory, 'AuthKey.p8'), apple.signingKey)
  writeFileSync(join(directory, 'wrong.p8'), rsa.export({ type: 'pkcs8', format: 'pem' }))
  writeFileSync(join(directory, 'account.json'), JSON.stringify({ ...account, private_key: 'no key' }))
})
afterAll(() => rmSync(directory, { recursive: true }))

/** What is found at an APPS_FILE of this text. */
async function findingsFor(text: string) {
  const appsFile = join(directory, 'apps.json')
  writeFileSync(appsFile, text)
  const found = await examinePush({ appsFile, clock: Date.now, limitMs: 1_000 })
  return found.map(each => each.finding)
}

const entry = (more: object) => ({
  app: 'com.example.phone',
  platform: 'apns',
  teamId: apple.teamId,
  keyId: apple.keyId,
  keyFile: 'AuthKey.p8',
  ...more,
})

test('no APPS_FILE is told', async () => {
  const [found] = await examinePush({ appsFile: undefined, clock: Date.now, limitMs: 1_000 })
  expect(found!.finding.level).toBe('warning')
  expect(found!.finding.what).toContain('APPS_FILE is not set')
})

describe('an APPS_FILE that is wrong', () => {
  const mistakes: [what: string, text: string, words: string, todo: string][] = [
    ['because it is no JSON', 'nonsense', 'line 1, column 1', 'Push credentials'],
    ['because it is empty', '[]', 'names no app', 'Push credentials'],
    [
      'by a key that is not there',
      JSON.stringify([entry({ keyFile: 'x.p8' })]),
      'ENOENT',
      'relative to APPS_FILE',
    ],
    ['by a key that is none of Apple', JSON.stringify([entry({ keyFile: 'wrong.p8' })]), 'P-256', '.p8'],
    ['by a topic without .voip', JSON.stringify([entry({ topic: 'com.example.phone' })]), 'topic', '.voip'],
    ['by a key id', JSON.stringify([entry({ keyId: 'short' })]), 'keyId', 'developer account'],
    [
      'by a service account',
      JSON.stringify([{ app: 'a', platform: 'android', serviceAccountFile: 'account.json' }]),
      'private_key',
      'Firebase console',
    ],
  ]
  for (const [what, text, words, todo] of mistakes)
    test(what, async () => {
      const [finding, ...rest] = await findingsFor(text)
      expect(rest).toEqual([])
      expect(finding).toMatchObject({ level: 'problem', check: 'apps file' })
      expect(finding!.what).toContain(words)
      expect(finding!.todo).toContain(todo)
    })

  test('has all its mistakes told, and one that can not be read too', async () => {
    expect(await findingsFor(JSON.stringify([entry({ topic: 'x', teamId: 'y' })]))).toHaveLength(2)
    const found = await examinePush({ appsFile: '/nowhere/apps.json', clock: Date.now, limitMs: 1_000 })
    expect(found.map(each => each.finding.what)).toEqual([expect.stringContaining('ENOENT')])
  })
})

await expectTestsPassInVendorNamespace('./test/doctor/insideNamespace/vendors.ts')
