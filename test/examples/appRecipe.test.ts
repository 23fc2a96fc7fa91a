// The examples of docs/app-recipe.md, run in the order of the page and as they are printed: each is answered as the page says.
// Its tokens and keys are shortened or made up; those of the test's own wakes stand in their place.
import { beforeAll, describe, expect, test } from 'bun:test'
import { join } from 'node:path'
import { decodeJwt } from 'jose'
import {
  acked,
  answer,
  appleToken,
  askPbx,
  endCall,
  type PbxAnswer,
  proceeds,
  registerPhone,
} from '../harness/client.ts'
import { forAllTests } from '../harness/forAllTests.ts'
import { eventually, readMetrics } from '../harness/internal.ts'
import { type LoggedPush, startService } from '../harness/service.ts'
import { tokenIn } from '../http/public/answering.ts'

const page = await Bun.file(join(import.meta.dir, '../../docs/app-recipe.md')).text()

/** Each command, whose further lines are indented, and the answer that the page shows. */
const examples = [...page.matchAll(/^```\n(\$ .*?)^```$/gms)].flatMap(([, block]) =>
  [...`\n${block}`.matchAll(/^\$ (.*\n(?: {4}.*\n)*)((?:(?!\$ ).*\n?)*)/gm)].map(([, command, shown]) => ({
    command: command!.trim(),
    shown: shown!.trim(),
  })),
)

const ACCOUNT = '123456789'
const SHOWN_KEY = '5d41402abc4b2a76b9719d911017c592'
const [, service] = forAllTests(startService, {
  APP_PUSH_ROUNDTRIP_WAIT: '20000',
  APP_PUSH_RESEND_INTERVAL: '60000',
})

/** A wake of both phones of the account: what each finds in its push. */
interface Woken {
  held: Promise<PbxAnswer>
  iphone: LoggedPush
  other: LoggedPush
}

async function wake(callId: string): Promise<Woken> {
  const held = askPbx(service.publicUrl, { sip_user_id: ACCOUNT, call_id: callId })
  await service.pushed(callId, 2)
  const pushOf = (device: string) =>
    service.pushesOf(callId).find(push => decodeJwt(tokenIn(push)).device_id === device)!
  return { held, iphone: pushOf('iphone-7f3a'), other: pushOf('other') }
}

/** The wake that the page's answers are about; begun by the first of them. */
let answered: Promise<Woken> | undefined

/** @returns the wake that a command is about, and what happens to it while the command runs. */
async function storyOf(command: string): Promise<{ woken?: Woken; meanwhile?: () => Promise<void> }> {
  if (command.includes('unique_key=') || command.includes('$TOKEN')) {
    answered ??= wake('answered')
    return { woken: await answered }
  }
  if (command.includes('text/event-stream')) {
    const woken = await wake('elsewhere')
    const isFollowed = async () =>
      (await readMetrics(service.internalUrl)).get('hookswitch_verdict_streams') === 1
    return {
      woken,
      async meanwhile() {
        await eventually('the stream', isFollowed)
        expect(await answer(woken.other, { baseUrl: service.publicUrl })).toEqual(proceeds)
      },
    }
  }
  if (command.includes('than=ringing'))
    return {
      woken: await wake('left'),
      meanwhile: async () => expect(await endCall(service.publicUrl, 'left', 'caller_hangup')).toBe(200),
    }
  return {}
}

/** @param woken says what the page's shell variables stand for. @returns what the command prints. */
async function run(command: string, { woken, meanwhile }: Awaited<ReturnType<typeof storyOf>>) {
  const typed = command
    .replace(/^curl/, 'curl -sS')
    .replaceAll('http://127.0.0.1:8080', service.publicUrl)
    .replace(SHOWN_KEY, '$UNIQUE_KEY')
  const child = Bun.spawn(['sh', '-c', typed], {
    env: {
      PATH: process.env.PATH!,
      PUSHKIT_TOKEN: appleToken('first'),
      NEW_TOKEN: appleToken('second'),
      // The push names the port that was set, which is 0 in tests.
      ...(woken && {
        RESPONSE_API: woken.iphone.response_api!.replace(/^https?:\/\/[^/]+/, service.publicUrl),
        UNIQUE_KEY: woken.iphone.unique_key!,
        TOKEN: tokenIn(woken.other),
      }),
    },
    stdout: 'pipe',
    stderr: 'inherit',
  })
  const [printed] = await Promise.all([new Response(child.stdout).text(), meanwhile?.()])
  expect(await child.exited).toBe(0)
  return printed.replaceAll('\r', '')
}

describe.skipIf(Bun.which('curl') === null)('docs/app-recipe.md', () => {
  beforeAll(async () => {
    expect(examples.length).toBeGreaterThan(10)
    await registerPhone(service.publicUrl, { sip_user_id: ACCOUNT, device_id: 'other' })
  })

  for (const { command, shown } of examples)
    test(`is answered as it says: ${command.split('\n')[0]}`, async () => {
      const printed = await run(command, await storyOf(command))
      if (shown.startsWith('{"type"')) {
        // A long text is shortened on the page.
        const { errors = [], ...problem } = JSON.parse(shown) as { errors?: { field: string }[] }
        expect(JSON.parse(printed)).toMatchObject(problem)
        const fields = (JSON.parse(printed) as { errors?: { field: string }[] }).errors ?? []
        expect(fields.map(each => each.field)).toEqual(errors.map(each => each.field))
      } else
        for (const line of shown.split('\n').filter(each => each !== ''))
          expect(printed.split('\n')).toContain(line)
    })

  test('tells the PBX of the phone that answered', async () => {
    expect(await (await answered!).held).toEqual(acked)
  })
})
