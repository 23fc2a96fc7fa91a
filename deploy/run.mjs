#!/usr/bin/env node
// Stands between a new machine and the running service: Node and npm are all it needs. It provides Bun, the
// dependencies and a Redis, each only where it is missing, then runs the command and ends with its exit code.
// It uses no package, because none is installed when it starts, and it installs nothing outside the project
// directory but Debian's redis-server, and that not unasked.
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The first Node 20 that reads .env files as Bun does (util.parseEnv). */
const NODE_VERSION_MIN = [20, 12]

await main(process.argv.slice(2))

async function main([name, ...args]) {
  const [major, minor] = process.versions.node.split('.').map(Number)
  if (major < NODE_VERSION_MIN[0] || (major === NODE_VERSION_MIN[0] && minor < NODE_VERSION_MIN[1])) {
    return finish(
      `Node ${NODE_VERSION_MIN.join('.')} or newer is needed; this is ${process.versions.node}.`,
      1,
    )
  }
  // Imported only now: an older Node could not even load it.
  const { COMMANDS } = await import('./launch/commands.mjs')
  const { isExpected } = await import('./launch/failure.mjs')
  const { askerAt, isAgreed } = await import('./launch/consent.mjs')
  if (name === 'help' || name === '--help' || name === '-h') {
    process.stdout.write(`${usage(COMMANDS)}\n`)
    return process.exit(0)
  }
  if (name === undefined) return finish(usage(COMMANDS), 2)
  if (!Object.hasOwn(COMMANDS, name)) return finish(`There is no command "${name}".\n\n${usage(COMMANDS)}`, 2)

  const projectDir = dirname(dirname(fileURLToPath(import.meta.url)))
  const context = {
    name,
    projectDir,
    env: process.env,
    say,
    isAgreed: isAgreed(process.env, args),
    ask: askerAt(process.stdin, process.stderr),
  }
  try {
    process.exit(
      await COMMANDS[name].run(
        context,
        args.filter(arg => arg !== '--yes'),
      ),
    )
  } catch (error) {
    if (!isExpected(error)) throw error
    finish(error.message, error.exitCode ?? 1)
  }
}

function usage(commands) {
  const names = Object.keys(commands)
  const width = Math.max(...names.map(name => name.length))
  const lines = names.map(name => `  ${name.padEnd(width)}  ${commands[name].about}`)
  return [
    'usage: node deploy/run.mjs <command> [--yes] [arguments]',
    '',
    ...lines,
    '',
    'A missing redis-server is installed after a question; --yes, or CI=true, is the answer beforehand, and lets `test`',
    'install chromium too, in which the tests of the live page run.',
  ].join('\n')
}

// Standard output belongs to the command: the service's log, the tests' last line.
function say(line) {
  process.stderr.write(`${line}\n`)
}

function finish(message, exitCode) {
  say(message)
  process.exit(exitCode)
}
