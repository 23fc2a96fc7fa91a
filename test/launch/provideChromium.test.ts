// The browser of the live page's tests: found, installed where that was agreed to, or done without. The installers on
// PATH are stand-ins, so nothing leaves the temporary directory.
import { describe, expect, test } from 'bun:test'
import { join } from 'node:path'
import { contextOf, makeProject } from './project.ts'

describe('the browser of the page’s tests', () => {
  const ADVICE =
    'The tests of the live page are skipped; they run where chromium is (Debian: sudo apt install chromium; or CHROMIUM=<its path>; or --yes).'
  const APT = 'Installing chromium: apt-get install --no-install-recommends chromium ...'
  const INSTALLS = (bin: string) =>
    `[ "$1" = chromium ] || exit 64\nprintf '#!/bin/sh\\n' >${bin}/chromium\n/bin/chmod 755 ${bin}/chromium\n`

  const cases: {
    what: string
    has?: string
    env?: Record<string, string>
    apt?: (bin: string) => string
    isAgreed?: boolean
    gets?: string
    says: string[]
  }[] = [
    { what: 'is the one on PATH', has: 'google-chrome', gets: 'google-chrome', says: [] },
    { what: 'is not installed unasked, and how to run them is said in one line', says: [ADVICE] },
    {
      what: 'is installed where that was agreed to',
      isAgreed: true,
      apt: INSTALLS,
      gets: 'chromium',
      says: [APT],
    },
    {
      what: 'is done without where it can not be installed',
      isAgreed: true,
      apt: () => "echo 'E: dpkg was interrupted'; exit 100",
      says: [APT, `apt-get could not install chromium:\nE: dpkg was interrupted\n${ADVICE}`],
    },
    {
      what: 'is not replaced where another one is named',
      env: { CHROMIUM: '/nowhere/chromium' },
      isAgreed: true,
      apt: INSTALLS,
      says: [ADVICE],
    },
    {
      what: 'is not waited for longer than a minute or two',
      isAgreed: true,
      apt: bin => `while [ ! -e ${bin}/done ]; do /bin/sleep 0.05; done`,
      says: [APT, `chromium is not installed yet. ${ADVICE}`],
    },
  ]
  for (const { what, has, env, apt, isAgreed = false, gets, says } of cases)
    test(what, async () => {
      using project = makeProject()
      if (has) project.program(has, '')
      if (apt) {
        project.program('apt-get', 'exit 99')
        project.write('deploy/launch/install-package.sh', apt(project.bin))
      }
      const { provideChromium } = (await import(join(project.dir, 'deploy/launch/chromium.mjs'))) as {
        provideChromium(context: object): Promise<string | undefined>
      }
      const context = contextOf(project, env)
      const asked = { ...context, isAgreed, systemPath: project.bin, userId: 0 }
      const limit = says.at(-1)?.startsWith('chromium is not') ? { installMaxMs: 50 } : {}
      try {
        expect(await provideChromium({ ...asked, ...limit })).toBe(gets && join(project.bin, gets))
      } finally {
        project.program('done', '')
      }
      expect(context.said).toEqual(says)
    })
})
