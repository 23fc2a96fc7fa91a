// The question before something is installed as root: who is asked, and what counts as a yes.
import { expect, test } from 'bun:test'
import { PassThrough } from 'node:stream'
import { failureOf, LAUNCH_DIR } from './project.ts'

type Ask = (question: string) => Promise<boolean>
const { askerAt, isAgreed } = (await import(`${LAUNCH_DIR}/consent.mjs`)) as {
  askerAt(input: unknown, output: unknown): Ask | undefined
  isAgreed(env: Record<string, string>, args: string[]): boolean
}

const terminal = () => Object.assign(new PassThrough(), { isTTY: true })

/** What is made of these keys, and what stood on the screen. */
async function answerTo(keys: string): Promise<{ isYes: boolean; screen: string }> {
  const [input, output] = [terminal(), terminal()]
  let screen = ''
  output.on('data', chunk => {
    screen += chunk
  })
  const asked = askerAt(input, output)!('Install it?')
  input.write(keys)
  return { isYes: await asked, screen }
}

test('is asked at a terminal alone, for input and output both', () => {
  expect(askerAt(new PassThrough(), terminal())).toBeUndefined()
  expect(askerAt(terminal(), new PassThrough())).toBeUndefined()
})

for (const [keys, isYes] of [
  ['\n', true],
  ['y\n', true],
  ['Yes\n', true],
  ['n\n', false],
  ['no, thanks\n', false],
] as const)
  test(`${JSON.stringify(keys)} is a ${isYes ? 'yes' : 'no'}`, async () => {
    const answer = await answerTo(keys)
    expect(answer.isYes).toBe(isYes)
    expect(answer.screen).toContain('Install it? [Y/n] ')
  })

test('Ctrl-C at the question ends the launcher as Ctrl-C does', async () => {
  const failure = await failureOf(answerTo('\x03'))
  expect([failure.message, failure.exitCode]).toEqual(['Not installed.', 130])
})

test('is not asked of whoever has agreed beforehand: by --yes, by npm’s own --yes, or in CI', () => {
  const cases: [Record<string, string>, string[], boolean][] = [
    [{}, [], false],
    [{}, ['--yes'], true],
    [{ npm_config_yes: 'true' }, [], true],
    [{ npm_config_yes: '' }, [], false],
    [{ CI: 'true' }, [], true],
    [{ CI: 'false' }, [], false],
  ]
  for (const [env, args, agreed] of cases)
    expect([env, args, isAgreed(env, args)]).toEqual([env, args, agreed])
})
