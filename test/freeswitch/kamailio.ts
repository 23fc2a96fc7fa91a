// A Kamailio as docs/pbx-recipes.md has its readers make one: the stock kamailio.cfg of the package with the recipe's
// parts put where each says that it goes, on a port of its own. It is registrar and proxy; the wake and what it tells
// of REGISTERs are the recipe's.
import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openPrinted } from '../harness/printed.ts'
import { freePort } from '../harness/redis.ts'

const STOCK = '/etc/kamailio/kamailio.cfg'
const MODULES = ['/usr/lib/x86_64-linux-gnu/kamailio/modules', '/usr/lib/aarch64-linux-gnu/kamailio/modules']
const RECIPES = join(import.meta.dir, '../../examples/pbx/kamailio')

export interface Kamailio extends AsyncDisposable {
  /** Of its SIP, UDP and TCP. */
  host: string
  port: number
}

/** Why no Kamailio can be tested with here; undefined: one can. */
export function whyNoKamailio(): string | undefined {
  if (Bun.which('kamailio') === null) return 'no kamailio is on the PATH'
  if (!existsSync(STOCK)) return `the package's own ${STOCK} is not there`
  if (!MODULES.some(directory => existsSync(join(directory, 'http_client.so'))))
    return 'its http_client.so is not there (Debian: kamailio-utils-modules)'
  return undefined
}

/** Starts one whose hookswitch is at this address. Resolves when it takes SIP. */
export async function startKamailio(hookswitch: { url: string; token: string }): Promise<Kamailio> {
  const directory = await mkdtemp(join(tmpdir(), 'hookswitch-kamailio-'))
  const config = join(directory, 'kamailio.cfg')
  await writeFile(config, await configFor(hookswitch))
  const host = '127.0.0.1'
  const port = await freePort()
  let output = ''
  const printed = openPrinted(text => {
    output += text
  })
  const at = `${host}:${port}`
  const child = Bun.spawn(
    ['kamailio', '-f', config, '-DD', '-E', '-Y', directory, '-l', `udp:${at}`, '-l', `tcp:${at}`],
    { stdin: 'ignore', stdout: printed.fd, stderr: printed.fd },
  )
  const end = async () => {
    child.kill('SIGTERM')
    await child.exited
    printed.close()
    await rm(directory, { recursive: true, force: true })
  }
  const limitAtMs = performance.now() + STARTED_WITHIN_MS
  while (!(await isListening(host, port))) {
    if (child.exitCode === null && performance.now() < limitAtMs) continue
    await end()
    throw new Error(`kamailio does not start:\n${output}`)
  }
  return { host, port, [Symbol.asyncDispose]: end }
}

/** The recipe's 6 s fit a wait of 4; the tests' waits are longer. */
const WAKE_SECONDS_MAX = 30

const STARTED_WITHIN_MS = 15_000

async function isListening(host: string, port: number): Promise<boolean> {
  try {
    const socket = await Bun.connect({ hostname: host, port, socket: { data: () => undefined } })
    socket.end()
    return true
  } catch {
    await Bun.sleep(20)
    return false
  }
}

/** The stock configuration with both recipes in it. */
async function configFor({ url, token }: { url: string; token: string }): Promise<string> {
  let config = await readFile(STOCK, 'utf8')
  for (const recipe of ['http_client.cfg', 'registered_http_client.cfg'])
    for (const { where, text } of partsOf(await readFile(join(RECIPES, recipe), 'utf8')))
      config = putInto(config, where, text)
  return config
    .replaceAll('!http://127.0.0.1:8080!', `!${url}!`)
    .replaceAll('!a-long-secret-of-the-pbx!', `!${token}!`)
    .replace('"connection_timeout", 6)', `"connection_timeout", ${WAKE_SECONDS_MAX})`)
}

/** Each part stands under a line that says where it goes. */
const partsOf = (recipe: string): { where: string; text: string }[] =>
  recipe
    .split(/^##### /m)
    .slice(1)
    .map(part => ({ where: part.slice(0, part.indexOf('\n')), text: part.slice(part.indexOf('\n') + 1) }))

/** Places of the stock file, by the recipe's own words; `$&` is what was found there. */
const PLACES: [words: RegExp, place: RegExp, put: (text: string) => string][] = [
  [/^After #!KAMAILIO$/, /^#!KAMAILIO\n/m, text => `$&${text}`],
  [/^Beside children=$/, /^children=.*\n/m, text => `$&${text}`],
  [/^After loadmodule "pv.so"$/, /^loadmodule "pv.so"\n/m, text => `$&${text}`],
  [
    /^In the CANCEL block/,
    /(?<=is_method\("CANCEL"\)\) \{\s+if \(t_check_trans\(\)\) \{\n)\s+route\(RELAY\);\n/,
    text => text,
  ],
  [/^Before route\(LOCATION\);$/, /^\troute\(LOCATION\);\n/m, text => `${text}$&`],
  [/^In route\[REGISTRAR\]/, /^\tif \(!save\("location"\)\) \{\n[\s\S]*?\n\t\}\n\texit;\n/m, text => text],
  [/^At the end$/, /$(?![\s\S])/, text => `\n${text}`],
]

function putInto(config: string, where: string, text: string): string {
  const known = PLACES.find(([words]) => words.test(where))
  if (!known?.[1].test(config)) throw new Error(`the stock kamailio.cfg has no place "${where}"`)
  const [, place, put] = known
  // A part may hold `$ru` and the like.
  return config.replace(place, found => put(text).replace('$&', () => found))
}
