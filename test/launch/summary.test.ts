// The closing line of a test run, from what `bun test` prints at its end.
import { describe, expect, test } from 'bun:test'
import { LAUNCH_DIR } from './project.ts'

type ClosingLine = (output: string, exitCode: number) => { line: string; exitCode: number }
const { closingLine } = (await import(`${LAUNCH_DIR}/summary.mjs`)) as { closingLine: ClosingLine }

const summary = (...counts: string[]) =>
  ['(pass) a phone rings', '', ...counts, 'Ran 5 tests across 2 files. [13.00ms]', ''].join('\n')

const GREEN = '\u001b[32m'
const PLAIN = '\u001b[0m'

describe('the closing line', () => {
  const cases: { name: string; output: string; exitCode: number; line: string; closingCode?: number }[] = [
    {
      name: 'counts what passed',
      output: summary(' 123 pass', ' 0 fail'),
      exitCode: 0,
      line: '123 passed, 0 failed',
    },
    {
      name: 'leaves skipped tests and tests still to be written out',
      output: summary(' 123 pass', ' 2 skip', ' 1 todo', ' 1 fail', ' 7 expect() calls'),
      exitCode: 1,
      line: '123 passed, 1 failed',
    },
    {
      name: 'reads the counts of a file that did not load',
      output: summary(' 0 pass', ' 1 fail', ' 1 error'),
      exitCode: 1,
      line: '0 passed, 1 failed',
    },
    {
      name: 'reads past filtered tests',
      output: summary(' 1 pass', ' 3 filtered out', ' 0 fail', ' 1 expect() calls'),
      exitCode: 0,
      line: '1 passed, 0 failed',
    },
    {
      name: 'reads the dots reporter, which does not indent',
      output: summary('1 pass', '2 fail', '1 error'),
      exitCode: 1,
      line: '1 passed, 2 failed',
    },
    {
      name: 'reads through colours',
      output: summary(`${GREEN} 4 pass${PLAIN}`, ` 0 fail${PLAIN}`),
      exitCode: 0,
      line: '4 passed, 0 failed',
    },
    {
      name: 'leaves alone what a test itself printed',
      output: ` 9 fail\nRan 9 tests across 9 files. [1ms]\n 8 fail\n\n${summary(' 2 pass', ' 0 fail')}`,
      exitCode: 0,
      line: '2 passed, 0 failed',
    },
    {
      name: 'counts the tests themselves when --bail leaves the counts out',
      output:
        '(pass) a\n(pass) b\n(fail) c\nRan 3 tests across 1 file. [3.00ms]\nBailed out after 1 failure\n',
      exitCode: 1,
      line: '2 passed, 1 failed',
    },
    {
      name: 'says that every test was skipped',
      output: summary(' 0 pass', ' 5 skip', ' 0 fail'),
      exitCode: 0,
      line: '0 passed, 0 failed',
    },
    {
      name: 'shows a failure when Bun failed although every test passed',
      output: summary(' 4 pass', ' 0 fail'),
      exitCode: 1,
      line: '4 passed, 1 failed',
    },
    {
      name: 'shows a failure when Bun crashed',
      output: '(pass) a\npanic',
      exitCode: 132,
      line: '0 passed, 1 failed',
    },
    {
      name: 'shows a failure when no file matched',
      output:
        'The following filters did not match any test files:\n nothing\n6 files were searched [2.00ms]\n',
      exitCode: 1,
      line: '0 passed, 1 failed',
    },
    { name: 'makes an empty run fail', output: '', exitCode: 0, line: '0 passed, 1 failed', closingCode: 1 },
  ]
  for (const { name, output, exitCode, line, closingCode } of cases) {
    test(name, () => {
      expect(closingLine(output, exitCode)).toEqual({ line, exitCode: closingCode ?? exitCode })
    })
  }
})
