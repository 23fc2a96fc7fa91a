// What strangers put into a log line can't steer the terminal of whoever reads it, as JSON and as readable lines.
import { describe, expect, test } from 'bun:test'
import { join } from 'node:path'

const ROOT = join(import.meta.dir, '../..')

/** What a process prints that logs it. */
async function printed(isPretty: boolean, fields: object, message: string): Promise<string> {
  const program = `
    import { flushLog, openLog } from './src/base/log.ts'
    const [fields, message] = JSON.parse(process.argv.at(-1))
    const log = openLog({ level: 'info', showsFullNumbers: false, isPretty: ${isPretty} }, 'test')
    log.info({ ...fields, err: new Error('first line\\nsecond ' + message) }, message)
    await flushLog(log)`
  const child = Bun.spawn([process.execPath, '-e', program, JSON.stringify([fields, message])], {
    cwd: ROOT,
    stdout: 'pipe',
    stderr: 'inherit',
  })
  const text = await child.stdout.text()
  expect(await child.exited).toBe(0)
  return text
}

const STEERING = '\x1b[2J\x1b]0;title\x07\x9b31m\u202e\u2066\u200f\u2028\r'

describe.each([
  ['JSON', false],
  ['readable lines', true],
])('as %s', (_, isPretty) => {
  test('a line holds no control character and no bidi override', async () => {
    const text = await printed(
      isPretty,
      { name2: `Ann ${STEERING}`, list: [STEERING] },
      `said ${STEERING} once`,
    )
    expect(text).toContain('said ')
    expect(text).toContain(' once')
    expect(text.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Bidi_Control}\u2028\u2029]/u)
    expect(text).not.toMatch(/\\u00(0[0-8bcef]|1|7f|[89])/)
  })

  test('a stack keeps its lines, and other scripts their letters', async () => {
    const text = await printed(isPretty, { callee: 'Ünal 田中 👩‍👩‍👧 مرحبا' }, 'said')
    expect(text).toContain('Ünal 田中 👩‍👩‍👧 مرحبا')
    expect(text).toMatch(isPretty ? /first line\n\s+second said/ : /first line\\nsecond said/)
  })
})

test('of numbers three digits are left, and of users who are made of one', async () => {
  const text = await printed(
    false,
    { callerNumber: '15105550101', userId: '15105550102', account: 'bob', token: 'hush' },
    'said',
  )
  expect(text).toContain('"callerNumber":"…101","userId":"…102","account":"…bob","token":"[secret]"')
  expect(await printed(false, { userId: 'agent-2' }, 'said')).toContain('"userId":"agent-2"')
})

test('a number in the words of others is masked, too', async () => {
  const fields = {
    cause: 'no route to 15105550101',
    reason: 'sip:+15105550102@10.0.0.5:5060',
    text: '-ERR 15105550103',
  }
  expect(await printed(false, fields, 'said')).toContain(
    '"cause":"no route to …101","reason":"sip:…102@10.0.0.5:5060","text":"-ERR …103"',
  )
})
