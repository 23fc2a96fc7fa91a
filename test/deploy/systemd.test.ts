// The systemd unit, held against what the service is: times that fit its waits and its drain, settings
// that it takes, and the command line beside it. systemd is asked where it is on the PATH.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { engines } from '../../package.json'
import { toSeconds } from '../../src/base/units.ts'
import { configOf, DEPLOY, ROOT, read } from './manifests.ts'

describe('systemd', async () => {
  const unit = await read('systemd/hookswitch.service')
  const setTo = (name: string) => new RegExp(`^${name}=(.*)$`, 'm').exec(unit)?.[1]
  const config = configOf({})

  test('stops it when its calls have ended, by one signal to one process', () => {
    expect(Number(setTo('TimeoutStopSec'))).toBeGreaterThan(toSeconds(config.drainMaxMs))
    expect(setTo('KillSignal')).toBe('SIGTERM')
    expect(setTo('KillMode')).toBe('mixed')
  })

  test('gives it the connections that its waits need, and does not start it again with wrong settings', () => {
    expect(Number(setTo('LimitNOFILE'))).toBeGreaterThan(config.waitsMax + 1_000)
    expect(setTo('RestartPreventExitStatus')).toBe('78')
    expect(setTo('User')).toBe('hookswitch')
  })

  test('names the Bun that package.json names', () => {
    expect(unit).toContain(`npm install -g bun@${engines.bun}`)
  })

  describe('the command line beside it', () => {
    let directory: string
    beforeAll(async () => {
      directory = mkdtempSync(join(tmpdir(), 'hookswitch-systemd-'))
      // Stands in for systemd: shows what it is asked to run.
      await Bun.write(join(directory, 'systemd-run'), '#!/bin/sh\nprintf "%s\\n" "$@"\n')
      await Bun.write(join(directory, 'id'), '#!/bin/sh\necho "$USER_ID"\n')
      Bun.spawnSync(['chmod', '755', join(directory, 'systemd-run'), join(directory, 'id')])
    })
    afterAll(() => rmSync(directory, { recursive: true }))

    const runAs = (userId: string) => {
      const path = { PATH: `${directory}:${process.env.PATH}`, USER_ID: userId }
      const run = Bun.spawnSync([join(DEPLOY, 'systemd/hookswitch'), 'doctor', '--json'], {
        env: path,
        stdin: 'ignore',
      })
      return {
        exitCode: run.exitCode,
        asked: String(run.stdout).trimEnd().split('\n'),
        errors: String(run.stderr),
      }
    }

    test("runs with the unit's user, settings, directory and limits, and its output stays as it is", () => {
      const { exitCode, asked } = runAs('0')
      expect(exitCode).toBe(0)
      expect(asked).toContain('--pipe')
      for (const name of [
        'User',
        'Group',
        'WorkingDirectory',
        'EnvironmentFile',
        'LimitNOFILE',
        'ProtectSystem',
        'ProtectHome',
      ])
        expect(asked).toContain(`--property=${name}=${setTo(name)}`)
      for (const pair of setTo('Environment')!.split(' ')) expect(asked).toContain(`--setenv=${pair}`)
      const bun = setTo('ExecStart')!.split(' ')[0]!
      expect(asked.slice(asked.indexOf(bun))).toEqual([bun, 'src/cli.ts', 'doctor', '--json'])
    })

    test('says that it wants root, who alone may read the settings', () => {
      const { exitCode, errors } = runAs('1000')
      expect(exitCode).toBe(2)
      expect(errors).toContain('run it with sudo')
    })

    test('needs no home, no temporary directory and no right to write: the doctor examines all the same', () => {
      const run = Bun.spawnSync([process.execPath, 'src/cli.ts', 'doctor', '--json', '--timeout', '2'], {
        cwd: ROOT,
        env: {
          PATH: '/usr/bin:/bin',
          HOME: '/nonexistent',
          TMPDIR: '/nonexistent',
          PUBSUB_REDIS_URL: 'redis://127.0.0.1:1',
          ESL_URL: '127.0.0.1:1',
          ...Object.fromEntries(
            setTo('Environment')!
              .split(' ')
              .map(pair => pair.split('=')),
          ),
        },
      })
      expect(String(run.stderr)).toMatch(/^[0-9]+ problems?, [0-9]+ warnings?\.$/m)
      const parts = new Set(
        String(run.stdout)
          .trimEnd()
          .split('\n')
          .map(line => JSON.parse(line).part),
      )
      for (const part of ['Settings', 'Machine', 'Redis', 'Switch 127.0.0.1:1']) expect(parts).toContain(part)
    })
  })

  const analyze = Bun.which('systemd-analyze')
  test.skipIf(analyze === null)('is right to systemd', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'hookswitch-unit-'))
    try {
      const path = join(directory, 'hookswitch.service')
      // The program of the unit need not be on this machine.
      await Bun.write(path, unit.replace(/^ExecStart=\S+/m, 'ExecStart=/bin/true'))
      const run = Bun.spawnSync([analyze!, 'verify', path])
      // What it says of the machine's other units is none of our business.
      const lines = String(run.stderr).split('\n')
      expect(lines.filter(line => line.includes('hookswitch.service'))).toEqual([])
    } finally {
      rmSync(directory, { recursive: true })
    }
  })
})
