// Makes the certificates for the stubs that stand at Apple's and Google's names: a private CA of one day and a server
// certificate signed by it. The few bytes of DER are written by hand, because a machine with nothing but Debian and
// Node has no openssl, and the libraries for it bring twenty packages.
import { generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { MS_PER_MINUTE } from '../../src/base/units.ts'

/** The hosts that pushes go to. The product has no setting for them. */
export const VENDOR_HOSTS = [
  'api.push.apple.com',
  'api.sandbox.push.apple.com',
  'fcm.googleapis.com',
  'oauth2.googleapis.com',
] as const

/** What a TLS server needs, in PEM. */
export interface ServerCertificate {
  key: string
  cert: string
}

/** Writes a new CA and a certificate for the hosts, the vendors' own if no others are said.
 *  @returns the CA's path, for NODE_EXTRA_CA_CERTS. */
export function makeVendorCerts(directory: string, hosts: readonly string[] = VENDOR_HOSTS): string {
  const ca = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const server = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const issuer = 'hookswitch test CA'
  const paths = pathsIn(directory)
  writeFileSync(
    paths.ca,
    certificate(issuer, ca.publicKey, issuer, ca.privateKey, [IS_CA, SIGNS_CERTIFICATES]),
  )
  const alternativeNames = extension('551d11', sequence(...hosts.map(host => tlv(0x82, host))))
  writeFileSync(
    paths.cert,
    certificate('vendor stubs', server.publicKey, issuer, ca.privateKey, [alternativeNames]),
  )
  writeFileSync(paths.key, server.privateKey.export({ type: 'pkcs8', format: 'pem' }))
  return paths.ca
}

/** Reads back what `makeVendorCerts` wrote, in another process. */
export function readVendorCerts(directory: string): ServerCertificate {
  const paths = pathsIn(directory)
  return { key: readFileSync(paths.key, 'utf8'), cert: readFileSync(paths.cert, 'utf8') }
}

/** A certificate for the same hosts by a CA that nobody trusts. */
export function makeStrangeCertificate(): ServerCertificate {
  const directory = mkdtempSync(join(tmpdir(), 'hookswitch-strange-'))
  try {
    makeVendorCerts(directory)
    return readVendorCerts(directory)
  } finally {
    rmSync(directory, { recursive: true })
  }
}

const pathsIn = (directory: string) => ({
  ca: join(directory, 'ca.pem'),
  cert: join(directory, 'server.pem'),
  key: join(directory, 'server.key.pem'),
})

/** X.509 v3 (RFC 5280, section 4.1), signed by the issuer's key, valid from yesterday until tomorrow. */
function certificate(
  subject: string,
  publicKey: KeyObject,
  issuer: string,
  issuerKey: KeyObject,
  extensions: Uint8Array[],
): string {
  const dayMs = 24 * 60 * MS_PER_MINUTE
  const body = sequence(
    tlv(0xa0, tlv(0x02, Buffer.of(2))), // version 3
    tlv(0x02, Buffer.concat([Buffer.of(1), randomBytes(15)])), // serial number, positive
    ECDSA_WITH_SHA256,
    commonName(issuer),
    sequence(generalizedTime(Date.now() - dayMs), generalizedTime(Date.now() + dayMs)),
    commonName(subject),
    publicKey.export({ type: 'spki', format: 'der' }),
    tlv(0xa3, sequence(...extensions)),
  )
  const der = sequence(body, ECDSA_WITH_SHA256, bitString(sign('sha256', body, issuerKey)))
  const lines = der.toString('base64').match(/.{1,64}/g) ?? []
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`
}

/** Tag, length, value: all there is to DER. */
function tlv(tag: number, ...values: (Uint8Array | string)[]): Buffer {
  const value = Buffer.concat(values.map(each => Buffer.from(each as Uint8Array)))
  const { length } = value
  const lengthBytes =
    length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff]
  return Buffer.concat([Buffer.of(tag, ...lengthBytes), value])
}

const sequence = (...parts: Uint8Array[]): Buffer => tlv(0x30, ...parts)
const objectId = (hex: string): Buffer => tlv(0x06, Buffer.from(hex, 'hex'))
const bitString = (bytes: Uint8Array): Buffer => tlv(0x03, Buffer.of(0), bytes)
const commonName = (name: string): Buffer =>
  sequence(tlv(0x31, sequence(objectId('550403'), tlv(0x0c, name))))
const generalizedTime = (ms: number): Buffer =>
  tlv(0x18, new Date(ms).toISOString().replace(/[-:T]|\.\d+/g, ''))
const extension = (id: string, value: Uint8Array, isCritical = false): Buffer =>
  sequence(objectId(id), ...(isCritical ? [tlv(0x01, Buffer.of(0xff))] : []), tlv(0x04, value))

const ECDSA_WITH_SHA256 = sequence(objectId('2a8648ce3d040302'))
const IS_CA = extension('551d13', sequence(tlv(0x01, Buffer.of(0xff))), true)
const SIGNS_CERTIFICATES = extension('551d0f', tlv(0x03, Buffer.of(2, 4)), true)
