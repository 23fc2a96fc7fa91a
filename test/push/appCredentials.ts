// Makes the credentials of a test app as its operator would have them: Apple's .p8 key, Google's service account, and
// the APPS_FILE that names both. The stubs get the public halves.
import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'

export const TEST_APP = 'com.example.phone'
export const TEST_TOPIC = 'com.example.phone.voip'

/** Apple's side: what the stub must know to check a provider token. */
export interface ApplePublicKey {
  teamId: string
  keyId: string
  publicKey: KeyObject
  topics: string[]
}

/** Google's side: what the stub must know to sign a service account in. */
export interface GooglePublicKey {
  projectId: string
  clientEmail: string
  publicKey: KeyObject
}

export interface AppleCredentials extends ApplePublicKey {
  /** The .p8 file's text. */
  signingKey: string
}

export function makeAppleCredentials(keyId = 'KEY1234567'): AppleCredentials {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const signingKey = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
  return {
    teamId: 'TEAM123456',
    keyId,
    publicKey,
    topics: [TEST_TOPIC, TEST_TOPIC.replace(/\.voip$/, '')],
    signingKey,
  }
}

export interface GoogleCredentials extends GooglePublicKey {
  /** PEM, as in the service account file. */
  privateKey: string
}

export function makeGoogleCredentials(): GoogleCredentials {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  return {
    projectId: 'example-phone',
    clientEmail: 'push@example-phone.iam.gserviceaccount.com',
    publicKey,
    privateKey: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  }
}

/** The service account as Google gives it out. */
export const serviceAccountOf = (google: GoogleCredentials) => ({
  type: 'service_account',
  project_id: google.projectId,
  private_key_id: 'ab12',
  private_key: google.privateKey,
  client_email: google.clientEmail,
  client_id: '1',
  token_uri: 'https://oauth2.googleapis.com/token',
})

/** Writes both key files and APPS_FILE for the test app. @returns APPS_FILE's path. */
export function writeAppsFile(directory: string, apple: AppleCredentials, google: GoogleCredentials): string {
  writeFileSync(join(directory, 'AuthKey.p8'), apple.signingKey)
  writeFileSync(join(directory, 'service-account.json'), JSON.stringify(serviceAccountOf(google)))
  const { teamId, keyId } = apple
  const entries = [
    { app: TEST_APP, platform: 'apns', teamId, keyId, keyFile: 'AuthKey.p8', topic: TEST_TOPIC },
    { app: TEST_APP, platform: 'android', serviceAccountFile: 'service-account.json' },
  ]
  const path = join(directory, 'apps.json')
  writeFileSync(path, JSON.stringify(entries))
  return path
}
