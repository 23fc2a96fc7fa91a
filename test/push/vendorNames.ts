// Runs a command where Apple's and Google's names lead to this machine: in a mount namespace with an /etc/hosts of its
// own, trusting a CA of its own. So the product is tested with the hosts, the port and the TLS it really uses, and
// can't reach the real ones. Everything that talks to the stubs runs in that one command.
import { expect, test } from 'bun:test'
import { spawnSync } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { makeVendorCerts, readVendorCerts, type ServerCertificate, VENDOR_HOSTS } from './vendorCerts.ts'

/** As long as the launcher gives to the tests outside. */
const TEST_TIMEOUT_MS = 60_000

/** The command's environment variable that names the certificates' directory. */
const CERTS_VARIABLE = 'VENDOR_CERTS'

export type NamespaceRun =
  | { kind: 'ran'; exitCode: number; output: string }
  /** This machine allows no such namespace. `why` is a sentence for the one who reads the test's result. */
  | { kind: 'refused'; why: string }

export interface NamespaceNeeds {
  /** What runs inside talks to programs outside, a switch say: the network must be the machine's own. */
  isOnMachineNetwork?: true
}

/** Runs `command` inside and waits for its end. Its output is captured, both streams together.
 *  @param env added to this process's own. */
export async function runInVendorNamespace(
  command: string[],
  env: Record<string, string> = {},
  needs: NamespaceNeeds = {},
): Promise<NamespaceRun> {
  const way = findWay(needs)
  if (way.kind === 'refused') return way
  const directory = mkdtempSync(join(tmpdir(), 'hookswitch-vendors-'))
  try {
    const hosts = join(directory, 'hosts')
    writeFileSync(hosts, hostsFile())
    const child = Bun.spawn([...way.prefix, 'sh', '-c', ENTER, 'sh', hosts, ...command], {
      env: {
        ...process.env,
        NODE_EXTRA_CA_CERTS: makeVendorCerts(directory),
        [CERTS_VARIABLE]: directory,
        ...env,
      },
      stdin: 'ignore',
      stdout: 'pipe',
      stderr: 'pipe',
    })
    const [out, err, exitCode] = await Promise.all([
      new Response(child.stdout).text(),
      new Response(child.stderr).text(),
      child.exited,
    ])
    return { kind: 'ran', exitCode, output: out + err }
  } finally {
    rmSync(directory, { recursive: true })
  }
}

/** Runs a file of tests inside, and expects each of them to pass as a test of the calling file. Call it with top-level
 *  await. The file's name must not end in `.test.ts`, or it would also run outside.
 *  @param path relative to the project's root, beginning with `./`. */
export async function expectTestsPassInVendorNamespace(path: string, needs?: NamespaceNeeds): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'hookswitch-report-'))
  const report = join(directory, 'junit.xml')
  try {
    const bunTest = [
      process.execPath,
      'test',
      path,
      `--timeout=${TEST_TIMEOUT_MS}`,
      '--reporter=junit',
      `--reporter-outfile=${report}`,
    ]
    const run = await runInVendorNamespace(bunTest, {}, needs)
    if (run.kind === 'refused') {
      test.skip(`${path}: ${run.why}`, () => undefined)
      return
    }
    const cases = readCases(report)
    for (const { name, failure, isSkipped } of cases)
      test.skipIf(isSkipped)(name, () => {
        expect(failure).toBeUndefined()
      })
    test(`${path} ran to its end`, () => {
      const isExplained = cases.some(({ failure }) => failure !== undefined)
      // Without a test that failed, its output says why it ended.
      if (!isExplained && run.exitCode !== 0) expect(run.output).toBe('')
      expect(cases).not.toBeEmpty()
    })
  } finally {
    rmSync(directory, { recursive: true })
  }
}

/** For code that runs inside: the stubs' certificate. @throws outside the namespace. */
export function vendorCertificate(): ServerCertificate {
  const directory = process.env[CERTS_VARIABLE]
  if (!directory) throw new Error('this runs only inside runInVendorNamespace')
  return readVendorCerts(directory)
}

/** Enters by covering /etc/hosts; the change ends with the namespace. */
const ENTER = 'mount --bind "$1" /etc/hosts && shift && exec "$@"'

/** As root a mount namespace is enough. Others need a user namespace, and in it a network of their own, because port
 *  443 of the machine's network stays root's. */
function findWay(
  needs: NamespaceNeeds,
): { kind: 'found'; prefix: string[] } | Extract<NamespaceRun, { kind: 'refused' }> {
  const asRoot = ['unshare', '--mount']
  const asUser = [
    'unshare',
    '--map-root-user',
    '--mount',
    '--net',
    'sh',
    '-c',
    'ip link set lo up && exec "$@"',
    'sh',
  ]
  const refusals: string[] = []
  for (const prefix of needs.isOnMachineNetwork ? [asRoot] : [asRoot, asUser]) {
    const [program = '', ...rest] = prefix
    const attempt = spawnSync(program, [...rest, 'true'], { encoding: 'utf8' })
    if (attempt.status === 0) return { kind: 'found', prefix }
    refusals.push(attempt.error?.message ?? attempt.stderr.trim())
  }
  return { kind: 'refused', why: `skipped, no mount namespace can be made here (${refusals.join('; ')})` }
}

/** Loopback addresses of this run alone: another run on the machine may hold port 443 on its own ones. */
function hostsFile(): string {
  const network = `127.${randomInt(1, 255)}.${randomInt(0, 256)}`
  const lines = VENDOR_HOSTS.map((host, index) => `${network}.${index + 1} ${host}`)
  return `${readFileSync('/etc/hosts', 'utf8')}\n${lines.join('\n')}\n`
}

/** Reads Bun's JUnit report. A test's name has its group's before it. */
function readCases(report: string): { name: string; failure: string | undefined; isSkipped: boolean }[] {
  let xml: string
  try {
    xml = readFileSync(report, 'utf8')
  } catch {
    // The child never came to its tests; the caller shows its output.
    return []
  }
  const cases = xml.matchAll(
    /<testcase name="([^"]*)" classname="([^"]*)"[^>]*?(?:\/>|>([\s\S]*?)<\/testcase>)/g,
  )
  return [...cases].map(([, name = '', group = '', body = '']) => ({
    name: unescapeXml(group ? `${group} ${name}` : name),
    failure: /<(?:failure|error)/.test(body) ? unescapeXml(body) : undefined,
    isSkipped: /<skipped/.test(body),
  }))
}

const XML_ENTITIES: Record<string, string> = { quot: '"', apos: "'", lt: '<', gt: '>', amp: '&', '#10': '\n' }
const unescapeXml = (text: string): string =>
  text.replace(/&(#10|[a-z]+);/g, (whole, entity: string) => XML_ENTITIES[entity] ?? whole)
