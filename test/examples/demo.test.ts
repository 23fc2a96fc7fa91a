// The demonstration as a newcomer meets it: the story's lines in their order, commands that work when they are copied,
// and nothing left behind after Ctrl-C.
import { afterEach, expect, test } from 'bun:test'
import { connect, createServer, type Server } from 'node:net'
import { join } from 'node:path'
import { cli, startCli } from '../../test/cli/cli.ts'
import { eventually } from '../../test/harness/internal.ts'

const ROOT = join(import.meta.dir, '../..')

/** For a machine on which much else runs. */
const LIMIT_MS = 90_000

type Program = Bun.Subprocess<'ignore', 'pipe', 'pipe'>

const running: Program[] = []
afterEach(async () => {
  // Not killed outright: its Redis would be left behind.
  for (const child of running) child.kill('SIGTERM')
  await Promise.all(running.splice(0).map(child => child.exited))
})

function startDemo() {
  const child: Program = Bun.spawn([process.execPath, 'examples/demo/main.ts', '--pace', '0'], {
    cwd: ROOT,
    env: { PATH: process.env.PATH!, HOOKSWITCH_REDIS_SERVER: process.env.HOOKSWITCH_REDIS_SERVER },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  running.push(child)
  let text = ''
  const watchers = new Set<() => void>()
  void (async () => {
    const decoder = new TextDecoder()
    for await (const chunk of child.stdout) {
      text += decoder.decode(chunk, { stream: true })
      for (const look of [...watchers]) look()
    }
  })()
  const errors = child.stderr.text()
  /** Resolves once the text holds that, past or future. */
  const said = (what: string) =>
    new Promise<void>((resolve, reject) => {
      const look = () => {
        if (!text.includes(what)) return
        watchers.delete(look)
        resolve()
      }
      watchers.add(look)
      look()
      void child.exited.then(code => reject(new Error(`ended with ${code} and never said ${what}:\n${text}`)))
    })
  return { child, said, text: () => text, errors }
}

test(
  'the demonstration tells wakes and calls, serves on, and leaves nothing behind',
  async () => {
    const demo = startDemo()
    await demo.said("grep '^hookswitch_call'")
    const story = demo.text()
    // The switch's housekeeping is left out.
    expect(story.slice(0, story.indexOf('1. A wake'))).not.toContain(' → ')
    expect(story).toContain("speaks FreeSWITCH's event socket")
    // In either order with the PBX's answer.
    inOrder(story, ['1. A wake', 'hookswitch → app      202 {"verdict":"proceed"}', '2. A call'])
    inOrder(story, [
      '1. A wake',
      'app → hookswitch      POST /api/android-device/',
      'PBX → hookswitch      POST /api/incoming-call/',
      'hookswitch → app      push {"type":"call","call_id":"demo-wake"',
      'hookswitch → PBX      200 status=ACK (confirmed)',
      '2. A call',
      'backend → agents      RPUSH talkiq-asp.calls {"type":"asp-call","dial_id":"demo-call"',
      'agent → switch        originate {…}sofia/gateway/phones/1001',
      '{"type":"call-start","dial_id":"demo-call"}',
      '{"type":"answer-event","side":"1"}',
      'switch                1001 hears 1002, 1002 hears 1001\n',
      'backend → agent       PUBLISH demo-call {"type":"barge"',
      '1003 hears 1001 and 1002',
      'backend → agent       PUBLISH demo-call {"type":"whisper"}',
      'switch                1001 hears 1002 and 1003, 1002 hears 1001, 1003 hears',
      'backend → agent       PUBLISH demo-call {"type":"mute"}',
      'switch                1001 hears 1002, 1002 hears 1001, 1003 hears',
      'backend → agent       PUBLISH demo-call {"type":"hangup"}',
      '{"type":"hangup-event","side":"1","cause":"NORMAL_CLEARING"}',
      '3. The dialplan',
    ])
    inOrder(story, [
      '3. The dialplan',
      '1000 → switch         REGISTER',
      '1001 → switch         dials 1000',
      'async full',
      'hookswitch → 1000     push {"type":"call"',
      '1000 → switch         REGISTER',
      'hookswitch → switch   set hookswitch_status=ACK',
      'dialplan              bridge user/1000',
      'switch                1000 rings',
      'switch                1001 hears 1000, 1000 hears 1001\n',
      'switch                1001 is hung up: NORMAL_CLEARING',
      '4. A job for an account',
      'backend → agents      RPUSH talkiq-asp.calls {"type":"asp-call","dial_id":"demo-account"',
      'hookswitch → 1000     push {"type":"call","call_id":"demo-account"',
      '1000 → switch         REGISTER',
      '{"type":"wake-event","side":"1","state":"confirmed"}',
      'agent → switch        api uuid_transfer',
      'switch                1000 rings',
      '{"type":"answer-event","side":"1"}',
      'switch                1002 hears 1000, 1000 hears 1002\n',
      '{"type":"hangup-event","side":"1","cause":"NORMAL_CLEARING"}',
      'Everything goes on running',
    ])
    // Once for each call; a machine that is stalled may see a resend.
    expect(firstPushes(story)).toBe(2)
    expect(story.split('1000 rings')).toHaveLength(3)

    const [redisUrl, publicUrl] = [/export PUBSUB_REDIS_URL=(\S+)/, /(http:\S+) for PBXs and apps/].map(
      place => place.exec(demo.text())![1]!,
    )
    const copied = [...demo.text().matchAll(/npm run -s cli -- ([^;\n]+)/g)].map(([, line]) =>
      line!.split(' '),
    )
    const [call, barge, whisper, calls, hangup, callStory, busy, toAccount, sleeperStory, appStory] =
      copied as string[][]
    /** Timelines are written a little later than things happen. */
    const told = (argv: string[], what: string) =>
      eventually(`the timeline to say: ${what}`, async () => {
        const { out } = await cli(redisUrl!, argv)
        return out.join(' ').replace(/\s+/g, ' ').includes(what)
      })
    const watch = startCli(redisUrl!, call!)
    await watch.said('the B-leg (side 1) answered')
    for (const argv of [barge, whisper, calls, hangup]) expect((await cli(redisUrl!, argv!)).code).toBe(0)
    expect(await watch.exited).toBe(0)
    await told(callStory!, 'a hangup message ended the call')
    const refused = await cli(redisUrl!, busy!)
    expect(refused.out.join('\n')).toContain('hung up: USER_BUSY')
    await demo.said('PUBLISH my-call {"type":"whisper"')
    const asked = await fetch(`${publicUrl}/api/incoming-call/`, {
      method: 'POST',
      body: new URLSearchParams({ sip_user_id: 'alice', phonenumber: '+15105550100' }),
    })
    expect(await asked.text()).toBe('status=ACK')
    await told(appStory!, 'The phone was woken')

    const woken = startCli(redisUrl!, toAccount!)
    await woken.said('the B-leg (side 1) answered')
    expect((await cli(redisUrl!, ['hangup', 'woken'])).code).toBe(0)
    expect(await woken.exited).toBe(0)
    const boothUrl = /(http:[^\s'"]+\/dial)/.exec(demo.text())![1]!
    const dialled = await fetch(boothUrl, {
      method: 'POST',
      body: new URLSearchParams({ from: '1001', extension: '1000' }),
    })
    const [, callId] = /call id (\S+)/.exec(await dialled.text())!
    await demo.said(`push {"type":"call","call_id":"${callId}"`)
    await eventually('the two to talk', () => demo.text().split('1000 answers').length === 5)
    expect(firstPushes(demo.text())).toBe(4)
    await told(sleeperStory!, callId!)

    // A call that goes on when Ctrl-C comes must not hold it up.
    const last = startCli(redisUrl!, ['call', '--caller', '1001', '--callee', '1002', '--watch'])
    await last.said('the B-leg (side 1) answered')
    last.interrupt()
    demo.child.kill('SIGINT')
    expect(await demo.child.exited).toBe(0)
    expect(await demo.errors).toBe('')
    for (const url of [redisUrl!, publicUrl!]) expect(await accepts(Number(new URL(url).port))).toBe(false)
  },
  LIMIT_MS,
)

test(
  'the demonstration says which ports are taken, takes others, and can be ended in its midst',
  async () => {
    const usual = [8080, 9090, 8021, 8084]
    const holders = await Promise.all(usual.map(hold))
    const demo = startDemo()
    await demo.said('1. A wake')
    for (const port of usual)
      expect(demo.text()).toMatch(new RegExp(`Port ${port} is taken: .+ listens there\\. Using \\d+\\.`))
    demo.child.kill('SIGTERM')
    expect(await demo.child.exited).toBe(0)
    for (const holder of holders) holder.close()
  },
  LIMIT_MS,
)

/** Listens on a port, unless somebody else does already. */
function hold(port: number): Promise<Server> {
  return new Promise(resolve => {
    const server = createServer()
    server.once('error', () => resolve(server))
    server.listen(port, '127.0.0.1', () => resolve(server))
  })
}

/** Pushes to the phone that sleeps, without resends. */
const firstPushes = (text: string): number =>
  [...text.matchAll(/hookswitch → 1000 +push .*"attempt":1,/g)].length

function inOrder(text: string, parts: string[]): void {
  let from = 0
  for (const part of parts) {
    const found = text.indexOf(part, from)
    if (found < 0) throw new Error(`not told, or not after what comes before it: ${part}\n\n${text}`)
    from = found + part.length
  }
}

function accepts(port: number): Promise<boolean> {
  return new Promise(resolve => {
    const socket = connect({ host: '127.0.0.1', port })
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}
