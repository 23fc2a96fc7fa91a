// The simulation's teeth: spoils our own code in one place at a time, in a copy, and counts the seeds until a promise is
// broken. A spoiling that no seed notices says that the simulation does not look there.
//   bun test/simulation/teeth.ts [--seeds N] [--only WORDS]
import { cp, mkdtemp, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'

const ROOT = join(import.meta.dir, '../..')

interface Spoiling {
  what: string
  file: string
  find: string
  put: string
}

const SPOILINGS: readonly Spoiling[] = [
  {
    what: "an event is published whoever's the call is",
    file: 'src/redis/calls/callEvent.lua',
    find: 'if held ~= fence then',
    put: 'if not held then',
  },
  {
    what: 'a step that is sent again is done again',
    file: 'src/redis/calls/callEvent.lua',
    find: "if tonumber(steps or '0') >= tonumber(number) then return 'done' end",
    put: '',
  },
  {
    what: 'a step of a former owner is not known as done',
    file: 'src/redis/calls/callEvent.lua',
    find: "if former and tonumber(former) >= tonumber(number) then return 'done' end",
    put: '',
  },
  {
    what: 'the mark of an answered message is not looked at',
    file: 'src/redis/calls/callEvent.lua',
    find: "if redis.call('GET', mark) == 'for-the-owner' then channel = '' end",
    put: '',
  },
  {
    what: 'a move does not tell the channel',
    file: 'src/redis/calls/callMove.lua',
    find: "redis.call('PUBLISH', ARGV[4], ARGV[5])",
    put: '',
  },
  {
    what: 'a move counts no fence up',
    file: 'src/redis/calls/callMove.lua',
    find: "redis.call('HINCRBY', KEYS[1], 'fence', 1)",
    put: '',
  },
  {
    what: 'a move leaves the call under the former owner',
    file: 'src/redis/calls/callMove.lua',
    find: "redis.call('SADD', KEYS[3], ARGV[4])",
    put: '',
  },
  {
    what: 'a claim does not look whether the dial id is in use',
    file: 'src/redis/calls/callClaim.lua',
    find: "if redis.call('EXISTS', KEYS[1]) == 1 then return 'duplicate' end",
    put: '',
  },
  {
    what: 'a claim does not look whether the job was taken away',
    file: 'src/redis/calls/callClaim.lua',
    find: "if redis.call('SISMEMBER', KEYS[2], ARGV[1]) == 1 then return 'revoked' end",
    put: '',
  },
  {
    what: 'a heard message is not noted',
    file: 'src/redis/calls/callHear.lua',
    find: "redis.call('HSET', KEYS[1], ARGV[2], ARGV[3])",
    put: '',
  },
  {
    what: 'what is published once is published again',
    file: 'src/redis/calls/publishOnce.lua',
    find: "'NX', ",
    put: '',
  },
  {
    what: 'an agent that lives is declared dead',
    file: 'src/redis/agents/agentDeclareDead.lua',
    find: "if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end",
    put: '',
  },
  {
    what: 'an agent that was declared dead comes back',
    file: 'src/redis/agents/agentRenew.lua',
    find: "if redis.call('EXISTS', KEYS[2]) == 1 then return 0 end",
    put: '',
  },
  {
    what: 'a job that is given back is lost',
    file: 'src/redis/jobs/jobPutBack.lua',
    find: "redis.call('LPUSH', KEYS[1], ARGV[1])",
    put: '',
  },
  {
    what: 'a job leaves the in-flight list before its dial id is claimed',
    file: 'src/dial/job/placeCall.ts',
    find: '    const claimed = await claiming\n',
    put: '    await settleJob(context, call)\n    const claimed = await claiming\n',
  },
  {
    what: 'nobody looks whether we may act before the originate',
    file: 'src/dial/job/placeCall.ts',
    find: '!(await context.mayAct()) || !link.isReady',
    put: '!link.isReady',
  },
  {
    what: 'strays in the in-flight list are left there',
    file: 'src/dial/job/intake.ts',
    find: 'if (options.isKnown(text)) continue',
    put: 'continue',
  },
  {
    what: 'the jobs of a dead agent are left in its in-flight list',
    file: 'src/dial/ownership/sweep.ts',
    find: 'for (const list of context.settings.jobLists) await settleJobs(agent, list)',
    put: '',
  },
  {
    what: 'what waits for Redis is not tried again',
    file: 'src/dial/call/publish.ts',
    find: 'await Bun.sleep(RETRY_MS)\n    }\n  }\n}',
    put: 'return undefined as Written\n    }\n  }\n}',
  },
  {
    what: 'a leg goes back to a state that it had',
    file: 'src/dial/follow/channelEvents.ts',
    find: 'if (RANKS[to] <= RANKS[leg.state]) return',
    put: 'if (RANKS[to] === RANKS[leg.state] && false) return',
  },
  {
    what: 'legs that are gone are not noticed after an outage',
    file: 'src/dial/follow/reconcile.ts',
    find: "if (hasBeen) advance(context, call, leg, 'hungup', CAUSE_LOST)",
    put: '',
  },
  {
    what: 'an originate of unknown outcome is taken for made',
    file: 'src/dial/follow/reconcile.ts',
    find: "if (sight === 'gone') return reportUnknown(context, call)\n  advance",
    put: "if (sight === 'gone') return\n  advance",
  },
  {
    what: 'messages that former owners left open stay open',
    file: 'src/dial/ownership/resume.ts',
    find: '  answerLeftOver(context, call)\n',
    put: '',
  },
  {
    what: 'channels are not subscribed again after a gap',
    file: 'src/redis/subscriber.ts',
    find: 'const channels = [...hearings.keys()]',
    put: 'const channels: string[] = []',
  },
  {
    what: 'a call is written again by the word of our own clock',
    file: 'src/dial/call/publish.ts',
    find: "outcome === 'lost' && (await context.isAlive())",
    put: "outcome === 'lost' && (await context.mayAct())",
  },
  {
    what: 'a second phone may confirm a wake',
    file: 'src/redis/wakes/wakeAnswer.lua',
    find: "if state == 'waiting' then\n",
    put: "if state == 'waiting' or state == 'confirmed' then\n",
  },
  {
    what: 'a resend counts no attempt',
    file: 'src/wake/pushSchedule.ts',
    find: 'Math.max(wait.pushed + 1, Math.round(intervals) + 1)',
    put: 'Math.max(wait.pushed, Math.floor(intervals))',
  },
  {
    what: 'a job is looked for as text, not as bytes',
    file: 'src/redis/jobs/jobs.ts',
    find: 'redis.lrem(inFlightKey(list, holder), 1, bytesOfText(job))',
    put: 'redis.lrem(inFlightKey(list, holder), 1, job)',
  },
]

const { values: flags } = parseArgs({
  options: { seeds: { type: 'string', default: '2000' }, only: { type: 'string', default: '' } },
})

const directory = await mkdtemp(join(tmpdir(), 'hookswitch-teeth-'))
for (const part of ['src', 'test', 'package.json', 'tsconfig.json'])
  await cp(join(ROOT, part), join(directory, part), { recursive: true })
await symlink(join(ROOT, 'node_modules'), join(directory, 'node_modules'))

let missed = 0
try {
  const broken = await attempt(['--stories', '0', '--whole'])
  const skipped = [...new Set(broken.flatMap(({ seeds }) => seeds))]
  console.log(`Left out, because they fail unspoiled: ${skipped.join(', ') || 'none'}.\n`)
  console.log('| spoiled | first seed | what it broke |\n| --- | --- | --- |')
  for (const spoiling of SPOILINGS.filter(({ what }) => what.includes(flags.only))) {
    const found = await bite(spoiling, skipped)
    if (!found) missed += 1
    console.log(`| ${spoiling.what} | ${found?.seed ?? 'none'} | ${found?.promises.join('; ') ?? ''} |`)
  }
} finally {
  await rm(directory, { recursive: true, force: true })
}
process.exit(missed === 0 ? 0 : 1)

/** @returns the first seed that notices, and the promises that it found broken. */
async function bite({ what, file, find, put }: Spoiling, skipped: readonly number[]) {
  const original = await Bun.file(join(directory, file)).text()
  if (original.split(find).length !== 2) throw new Error(`${what}: not found once in ${file}`)
  await Bun.write(
    join(directory, file),
    original.replace(find, () => put),
  )
  const told = await attempt(['--stories', '0', '--whole', '--until-broken', '--skip', skipped.join(',')])
  await Bun.write(join(directory, file), original)
  const [first] = told
  return first && { seed: first.seeds[0]!, promises: told.map(({ promise }) => promise) }
}

/** Runs the simulation of the copy. @returns the promises that were broken, each with its seeds. */
async function attempt(args: readonly string[]): Promise<{ promise: string; seeds: number[] }[]> {
  const main = join(directory, 'test/simulation/main.ts')
  const child = Bun.spawn([process.execPath, main, '--first', '1', '--seeds', flags.seeds, ...args], {
    stdout: 'pipe',
    stderr: 'ignore',
  })
  const told = await new Response(child.stdout).text()
  await child.exited
  return [...told.matchAll(/^ +\d+ {2}(.+)\n +seeds ([\d ]+)/gm)].map(([, promise, seeds]) => ({
    promise: promise!,
    seeds: seeds!.trim().split(' ').map(Number),
  }))
}
