// APPS_FILE: what is taken, what is refused and in which words, and what happens when it changes under way.
import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { generateKeyPairSync } from 'node:crypto'
import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Apps, AppsFileError, openApps } from '../../src/push/apps.ts'
import { APPS_MAX } from '../../src/push/appsFile.ts'
import {
  makeAppleCredentials,
  makeGoogleCredentials,
  serviceAccountOf,
  TEST_APP,
  TEST_TOPIC,
  writeAppsFile,
} from './appCredentials.ts'
import { captureLog } from './capturedLog.ts'

const apple = makeAppleCredentials()
const google = makeGoogleCredentials()
const apnsEntry = {
  app: TEST_APP,
  platform: 'apns',
  teamId: apple.teamId,
  keyId: apple.keyId,
  keyFile: 'AuthKey.p8',
  topic: TEST_TOPIC,
}
const androidEntry = { app: TEST_APP, platform: 'android', serviceAccountFile: 'service-account.json' }

let directory: string
let path: string
let captured: ReturnType<typeof captureLog>
let opened: Apps[]

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'hookswitch-apps-'))
  path = writeAppsFile(directory, apple, google)
  captured = captureLog()
  opened = []
})
afterEach(() => {
  for (const apps of opened) apps.close()
  rmSync(directory, { recursive: true })
})

function open(file: string | undefined = path): Apps {
  const apps = openApps(file, captured)
  opened.push(apps)
  return apps
}

const write = (name: string, content: unknown) =>
  writeFileSync(join(directory, name), typeof content === 'string' ? content : JSON.stringify(content))

function mistakesOf(entries: unknown): readonly string[] {
  write('apps.json', entries)
  try {
    open()
  } catch (thrown) {
    if (thrown instanceof AppsFileError) return thrown.mistakes
    throw thrown
  }
  return []
}

describe('without APPS_FILE', () => {
  test('every app is welcome and none is known', () => {
    const apps = openApps(undefined, captured)
    expect(apps.isOpen).toBe(true)
    expect(apps.find(TEST_APP, 'apns')).toBeUndefined()
  })
})

describe('APPS_FILE', () => {
  test('names apps with their credentials, key files being read from beside it', () => {
    const apps = open()
    expect(apps.isOpen).toBe(false)
    expect(apps.find(TEST_APP, 'apns')?.settings).toEqual({
      platform: 'apns',
      app: TEST_APP,
      teamId: apple.teamId,
      keyId: apple.keyId,
      topic: TEST_TOPIC,
      signingKey: apple.signingKey,
    })
    expect(apps.find(TEST_APP, 'android')?.settings).toEqual({
      platform: 'android',
      app: TEST_APP,
      projectId: google.projectId,
      clientEmail: google.clientEmail,
      privateKey: google.privateKey,
    })
    expect(apps.find('com.example.other', 'apns')).toBeUndefined()
  })

  test('serves gcm devices by an android entry, and the other way round', () => {
    expect(open().find(TEST_APP, 'gcm')?.platform).toBe('android')
    write('apps.json', [{ ...androidEntry, platform: 'gcm' }])
    expect(open().find(TEST_APP, 'android')?.platform).toBe('gcm')
    write('apps.json', [{ ...androidEntry, platform: 'gcm' }, androidEntry])
    expect(open().find(TEST_APP, 'android')?.platform).toBe('android')
  })

  test('may leave out the topic, which then is the app id and .voip', () => {
    const { topic: _, ...entry } = apnsEntry
    write('apps.json', [entry])
    expect(open().find(TEST_APP, 'apns')?.settings).toMatchObject({ topic: TEST_TOPIC })
  })

  const p384 = generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey
  const badFiles: Record<string, unknown> = {
    'p384.p8': p384.export({ type: 'pkcs8', format: 'pem' }).toString(),
    'notes.txt': 'no key',
    'list.json': [],
    'empty.json': {},
    'swapped.json': { ...serviceAccountOf(google), private_key: apple.signingKey },
    'user.json': { ...serviceAccountOf(google), type: 'authorized_user' },
  }
  const named = `entry 1 (${TEST_APP})`
  const NO_KEY = 'must hold an unencrypted P-256 private key in PEM, as Apple gives it out (.p8)'
  const PLATFORM = 'must be one of apns, gcm, android'
  const table: [name: string, entries: unknown, mistakes: string[]][] = [
    ['no JSON', '{', ['APPS_FILE: line 1, column 2: a } is missing']],
    ['no text at all', '', ['APPS_FILE: is empty']],
    ['no list', {}, ['APPS_FILE: must be a JSON list of entries, also where there is one app: [{ … }]']],
    [
      'too many entries',
      Array(APPS_MAX + 1).fill(apnsEntry),
      [`APPS_FILE: has more than ${APPS_MAX} entries`],
    ],
    [
      'an entry that is no object',
      ['x'],
      ['entry 1: entry: must be a JSON object', `entry 1: platform: ${PLATFORM}`, 'entry 1: app: is missing'],
    ],
    ['another platform', [{ ...apnsEntry, platform: 'ios' }], [`${named}: platform: ${PLATFORM}`]],
    [
      'an app id with a blank',
      [{ ...apnsEntry, app: 'my phone' }],
      ['entry 1: app: must be a bundle id or package name'],
    ],
    [
      'the same app and platform twice',
      [apnsEntry, apnsEntry],
      [`entry 2 (${TEST_APP}): app: has an entry for apns already`],
    ],
    [
      'a short team id',
      [{ ...apnsEntry, teamId: 'T1' }],
      [`${named}: teamId: must be 10 capital letters and digits`],
    ],
    ['no key id', [{ ...apnsEntry, keyId: undefined }], [`${named}: keyId: is missing`]],
    [
      'an alert topic',
      [{ ...apnsEntry, topic: TEST_APP }],
      [`${named}: topic: must be the bundle id and .voip`],
    ],
    [
      'a missing key file',
      [{ ...apnsEntry, keyFile: 'gone.p8' }],
      [`${named}: keyFile: can't be read (ENOENT)`],
    ],
    ['a key file without a key', [{ ...apnsEntry, keyFile: 'notes.txt' }], [`${named}: keyFile: ${NO_KEY}`]],
    ['a key of another curve', [{ ...apnsEntry, keyFile: 'p384.p8' }], [`${named}: keyFile: ${NO_KEY}`]],
    [
      'a service account that is no object',
      [{ ...androidEntry, serviceAccountFile: 'list.json' }],
      [`${named}: serviceAccountFile: must hold a JSON object`],
    ],
    [
      'an empty service account',
      [{ ...androidEntry, serviceAccountFile: 'empty.json' }],
      ['type', 'project_id', 'client_email', 'private_key'].map(
        field => `${named}: serviceAccountFile: ${field}: is missing`,
      ),
    ],
    [
      'a service account with a key of another kind',
      [{ ...androidEntry, serviceAccountFile: 'swapped.json' }],
      [`${named}: serviceAccountFile: private_key: must be an unencrypted RSA private key in PEM`],
    ],
    [
      'credentials of a user',
      [{ ...androidEntry, serviceAccountFile: 'user.json' }],
      [`${named}: serviceAccountFile: type: must be service_account`],
    ],
  ]
  for (const [name, entries, mistakes] of table)
    test(`is refused for ${name}`, () => {
      for (const [file, content] of Object.entries(badFiles)) write(file, content)
      expect(mistakesOf(entries)).toEqual(mistakes)
    })

  test('is refused with all its mistakes together', () => {
    const entries = [{ ...apnsEntry, teamId: 'x', keyId: 'y' }, { platform: 'android' }]
    expect(mistakesOf(entries)).toEqual([
      `${named}: teamId: must be 10 capital letters and digits`,
      `${named}: keyId: must be 10 capital letters and digits`,
      'entry 2: app: is missing',
      'entry 2: serviceAccountFile: is missing',
    ])
  })

  test('is refused without repeating what it holds, not even a key pasted into the wrong field', () => {
    const secret = apple.signingKey
    const entry = {
      app: secret,
      platform: secret,
      teamId: secret,
      keyId: secret,
      keyFile: secret,
      topic: secret,
    }
    const mistakes = [...mistakesOf([{ ...entry, platform: 'apns' }]), ...mistakesOf([entry])].join('\n')
    expect(mistakes).toContain('keyFile')
    for (const line of secret.split('\n').filter(Boolean)) expect(mistakes).not.toContain(line)
  })

  test('that is not there is refused', () => {
    expect(() => open(join(directory, 'gone.json'))).toThrow("APPS_FILE: can't be read (ENOENT)")
  })
})

describe('a change', () => {
  const renamed = 'com.example.renamed'
  const other = JSON.stringify([{ ...apnsEntry, app: renamed }])

  /** Opens and waits until only a watcher can bring news: the file is read twice at first. */
  async function openWatched(file?: string): Promise<Apps> {
    const apps = open(file)
    await captured.line('nothing changed')
    return apps
  }

  /** Resolves at the next change. */
  function changeOf(apps: Apps): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    const stop = apps.onChange(resolve)
    return promise.finally(stop)
  }

  test('of the file in place is taken over', async () => {
    const apps = await openWatched()
    const changed = changeOf(apps)
    write('apps.json', other)
    await changed
    expect(apps.find(renamed, 'apns')).toBeDefined()
    expect(apps.find(TEST_APP, 'android')).toBeUndefined()
  })

  test('by renaming another file over it is taken over, again and again', async () => {
    const apps = await openWatched()
    for (const app of ['com.example.a', 'com.example.b', 'com.example.c']) {
      const changed = changeOf(apps)
      write('apps.json.new', [{ ...apnsEntry, app }])
      renameSync(join(directory, 'apps.json.new'), path)
      await changed
      expect(apps.find(app, 'apns')).toBeDefined()
    }
  })

  test('of a key file alone is taken over, also from another directory', async () => {
    const keys = join(directory, 'keys')
    mkdirSync(keys)
    write('keys/key.p8', apple.signingKey)
    write('apps.json', [{ ...apnsEntry, keyFile: 'keys/key.p8' }])
    const apps = await openWatched()
    const before = apps.find(TEST_APP, 'apns')!
    const changed = changeOf(apps)
    const { signingKey } = makeAppleCredentials()
    write('keys/key.p8', signingKey)
    await changed
    const after = apps.find(TEST_APP, 'apns')!
    expect(after.settings).toMatchObject({ signingKey })
    expect(after.version).not.toBe(before.version)
  })

  test('as Kubernetes makes it, by swapping a symlink in front of the files, is taken over twice', async () => {
    const mount = join(directory, 'mount')
    mkdirSync(mount)
    const publish = (version: string, app: string) => {
      mkdirSync(join(mount, version))
      writeFileSync(join(mount, version, 'apps.json'), JSON.stringify([{ ...apnsEntry, app }]))
      writeFileSync(join(mount, version, 'AuthKey.p8'), apple.signingKey)
      symlinkSync(version, join(mount, '..data_tmp'))
      renameSync(join(mount, '..data_tmp'), join(mount, '..data'))
    }
    publish('..2026_01', 'com.example.a')
    for (const file of ['apps.json', 'AuthKey.p8']) symlinkSync(join('..data', file), join(mount, file))
    const apps = await openWatched(join(mount, 'apps.json'))
    expect(apps.find('com.example.a', 'apns')).toBeDefined()
    for (const [version, app] of [
      ['..2026_02', 'com.example.b'],
      ['..2026_03', 'com.example.c'],
    ] as const) {
      const changed = changeOf(apps)
      publish(version, app)
      await changed
      expect(apps.find(app, 'apns')).toBeDefined()
    }
    rmSync(join(mount, '..2026_01'), { recursive: true })
  })

  test('of a symlink further up the path is taken over', async () => {
    for (const [release, app] of [
      ['one', TEST_APP],
      ['two', renamed],
    ] as const) {
      mkdirSync(join(directory, release))
      write(`${release}/apps.json`, [{ ...apnsEntry, app }])
      write(`${release}/AuthKey.p8`, apple.signingKey)
    }
    symlinkSync('one', join(directory, 'current'))
    const apps = await openWatched(join(directory, 'current', 'apps.json'))
    const changed = changeOf(apps)
    symlinkSync('two', join(directory, 'next'))
    renameSync(join(directory, 'next'), join(directory, 'current'))
    await changed
    expect(apps.find(renamed, 'apns')).toBeDefined()
  })

  test('for the worse is logged by entry and field, and the version before stays in use', async () => {
    const apps = await openWatched()
    write('apps.json', [{ ...apnsEntry, keyId: 'nonsense' }])
    const line = await captured.line('APPS_FILE is broken')
    expect(line).toMatchObject({
      level: 50,
      mistakes: [`entry 1 (${TEST_APP}): keyId: must be 10 capital letters and digits`],
    })
    expect(apps.find(TEST_APP, 'apns')?.settings).toMatchObject({ keyId: apple.keyId })
    const changed = changeOf(apps)
    write('apps.json', other)
    await changed
    expect(apps.find(renamed, 'apns')).toBeDefined()
    expect(captured.lines.filter(each => each.msg.includes('broken'))).toHaveLength(1)
  })

  test('of nothing that matters tells nobody', async () => {
    const apps = await openWatched()
    const heard: string[] = []
    apps.onChange(() => heard.push('change'))
    write('apps.json', readFileSync(path, 'utf8'))
    write('unrelated.txt', 'x')
    const changed = changeOf(apps)
    write('apps.json', other)
    await changed
    expect(heard).toEqual(['change'])
  })
})
