// What a newcomer is shown at the start: lines that can be pasted into any shell, with what this machine has, and never
// an error in their midst.
import { expect, test } from 'bun:test'
import { printWelcome, type Welcomed } from '../../src/app/welcome.ts'
import { freePort, startRedis } from '../harness/redis.ts'
import { startService } from '../harness/service.ts'

const FRONT: Welcomed = {
  localUrl: 'http://127.0.0.1:8080',
  internalUrl: 'http://127.0.0.1:9090',
  obstacles: () => [],
  signToken: async () => 'aaa.bbb.ccc',
}

async function welcome(front: Partial<Welcomed>, programs: string[]): Promise<string> {
  let text = ''
  await printWelcome(
    { ...FRONT, ...front },
    { roundtripWaitMs: 4_000 },
    {
      write: said => {
        text += said
      },
      which: name => (programs.includes(name) ? `/usr/bin/${name}` : null),
      stopping: new AbortController().signal,
    },
  )
  return text
}

const linesOf = (text: string) =>
  text
    .split('\n')
    .map(line => line.trim())
    .filter(line => /^\S+ -[ie] '/.test(line))

test('by curl, quoted so that zsh takes no ? for a pattern', async () => {
  expect(linesOf(await welcome({}, ['curl', 'node']))).toEqual([
    "curl -i 'http://127.0.0.1:8080/api/android-device/' -d sip_user_id=123456789 -d token=my-phone -d app=com.example.phone",
    "curl -i 'http://127.0.0.1:8080/api/incoming-call/' -d sip_user_id=123456789 -d phonenumber=0123456789 -d call_id=call-1 & sleep 1",
    "curl -i 'http://127.0.0.1:8080/api/call-response/?token=aaa.bbb.ccc' -d unique_key=call-1 -d message_start_time=0",
  ])
})

test('by node where there is no curl, and by bun where there is neither', async () => {
  const post = (path: string, body: string) =>
    `-e 'fetch("http://127.0.0.1:8080/api/${path}",{method:"POST",body:new URLSearchParams("${body}")}).then(async r=>console.log(r.status,await r.text()))'`
  for (const runtime of ['node', 'bun'])
    expect(linesOf(await welcome({}, [runtime]))).toEqual([
      `${runtime} ${post('android-device/', 'sip_user_id=123456789&token=my-phone&app=com.example.phone')}`,
      `${runtime} ${post('incoming-call/', 'sip_user_id=123456789&phonenumber=0123456789&call_id=call-1')} & sleep 1`,
      `${runtime} ${post('call-response/?token=aaa.bbb.ccc', 'unique_key=call-1&message_start_time=0')}`,
    ])
})

test('once Redis is there: while it is away that is said, and no line shows an error', async () => {
  let asked = 0
  const obstacles = () => (++asked < 40 ? ['redis'] : [])
  const text = await welcome({ obstacles, signToken: async () => 'late' }, ['curl'])
  expect(text.indexOf('Redis does not answer yet')).toBeGreaterThan(0)
  expect(text.indexOf('Redis does not answer yet')).toBeLessThan(text.indexOf('curl -i'))
  expect(linesOf(text)).toHaveLength(3)
})

const runs = [
  { by: 'curl', path: process.env.PATH!, isHere: Bun.which('curl') !== null },
  { by: 'the runtime alone', path: '/nowhere', isHere: true },
]
for (const { by, path, isHere } of runs)
  for (const pbx of [{}, { PBX_TOKEN: 'the-token-of-this-pbx' }] as Record<string, string>[])
    test.skipIf(!isHere)(
      `of a running service show a whole wake, by ${by}, with the settings ${Object.keys(pbx)}`,
      async () => {
        await using redis = await startRedis()
        await using service = await startService({
          PUBSUB_REDIS_URL: redis.url,
          PORT: String(await freePort()),
          PATH: path,
          ...pbx,
        })
        const shown = async (): Promise<string[]> => {
          const lines = linesOf(service.output())
          return lines.length === 3 ? lines : Bun.sleep(20).then(shown)
        }
        const shell = Bun.spawn(['sh', '-c', `${(await shown()).join('\n')}\nwait`], {
          stderr: 'ignore',
          env: { ...process.env, ...pbx },
        })
        const told = await shell.stdout.text()
        expect(told).toContain('status=ACK')
        expect(told).toContain('{"verdict":"proceed"}')
        expect(service.output()).not.toContain('the-token-of-this-pbx')
      },
    )
