// Hostile text in every field of every job and every message, through a whole agent to the switch's socket. Whatever
// passes the allow-lists is one command with the variables that were meant; what doesn't is a failure, and no command.
import { afterAll, beforeAll, expect, test } from 'bun:test'
import fc from 'fast-check'
import { hostileText } from '../esl/hostile.ts'
import { readOriginate } from '../esl/splitterModel.ts'
import {
  aspJob,
  botJob,
  type Channel,
  GATEWAY,
  newDialId,
  openStage,
  SOUND,
  type Stage,
  until,
} from './stage.ts'

let stage: Stage
let control: Channel
let core: Channel
beforeAll(async () => {
  stage = await openStage({ switch: { answerAfterMs: 1 } })
  await stage.agent().isReady
  const dialId = newDialId()
  control = await stage.listen(dialId)
  await stage.push(aspJob(dialId))
  await control.next(each => each.side === '1')
  await until('the two talk', () => stage.switch.channels().every(each => each.bridgedTo !== undefined))
  core = await stage.listen(stage.switch.coreUuid)
  await until(
    'an agent listens there',
    async () => Number((await stage.redis.client.pubsub('NUMSUB', stage.switch.coreUuid))[1]) === 2,
  )
})
afterAll(() => stage.close())

const RUNS = 25
/** Longer messages are answered without their command_id, which nobody has read. */
const READ_CHARACTERS_MAX = 8_000
const loadJob = (dialId: string) =>
  botJob(dialId, {
    ...{ type: 'load-test', leg: '1', gateway: GATEWAY, dialpad_crm: 'c', parent_callid: 'p' },
    ...{ callee_name: 'n', target_key: 'k', topic: 't' },
  })
const sipJob = (dialId: string) =>
  botJob(dialId, {
    ...{ phone_number: 'bot@bots.example.com', auth: 'true', sip_auth_username: 'u', sip_auth_password: 'p' },
  })

const commandsSince = (from: number) =>
  stage.switch
    .records(from, ['command'])
    .flatMap(each => (each.kind === 'command' ? [each] : []))
    // The agent asks for nothing by itself but these.
    .filter(each => !/^api (uuid_dump|global_getvar|uuid_kill)/.test(each.command))

/** Every variable that an originate of ours may set. */
const OURS =
  /^(origination_|originate_timeout$|call_timeout$|call-side$|dial_id$|hookswitch_|sip_h_(Accuvit-|X-)|sip_auth_(username|password)$|ignore_early_media$|instant_ringback$|ringback$|park_after_bridge$|hangup_after_bridge$|send_silence_when_idle$)/

function expectOneOriginate(commands: string[]): void {
  expect(commands.length).toBeLessThanOrEqual(1)
  for (const command of commands) {
    const originate = readOriginate(command.replace(/^bgapi /, ''))
    expect(originate).toBeDefined()
    expect(stage.switch.injections).toEqual([])
  }
}

/** Variables that neither we nor the switch itself would set. */
const setBy = (variables: Record<string, unknown>) =>
  Object.fromEntries(
    Object.entries(variables).filter(
      ([name]) => /^(api_|execute_|exec_|evil|system)/.test(name) && !OURS.test(name),
    ),
  )

const jobs = { 'asp-call': aspJob, 'bot-call': botJob, 'bot-call to a SIP URI': sipJob, 'load-test': loadJob }
const fieldsOf = (make: (dialId: string) => Record<string, unknown>) =>
  Object.keys(make('x')).filter(name => name !== 'type')

test.each(Object.entries(jobs))(
  'a hostile %s reaches the switch as one command or not at all',
  async (_kind, make) => {
    for (const field of fieldsOf(make)) {
      await fc.assert(
        fc.asyncProperty(hostileText(), async text => {
          const job = { ...make(newDialId()), [field]: text }
          const from = stage.switch.record.length
          const list =
            job.type === 'asp-call'
              ? 'talkiq-asp.calls'
              : job.type === 'load-test'
                ? 'talkiq-load.calls'
                : 'talkiq-bot.calls'
          await stage.push(job, list)
          await until('the job is dealt with', async () => {
            const [waiting, inFlight] = await Promise.all([
              stage.redis.client.llen(list),
              stage.redis.client.keys('hookswitch:in-flight:*'),
            ])
            return waiting === 0 && inFlight.length === 0
          })
          expectOneOriginate(commandsSince(from).map(each => each.command))
          const strange = stage.switch.channels().flatMap(leg => Object.keys(setBy(leg.variables)))
          expect(strange).toEqual([])
        }),
        { numRuns: RUNS },
      )
    }
    expect(stage.switch.injections).toEqual([])
  },
  60_000,
)

const messages: Record<string, Record<string, unknown>> = {
  hangup: { type: 'hangup', barge_id: 'x' },
  barge: { type: 'barge', phone_number: '15550000486', caller_id: '1' },
  whisper: { type: 'whisper', barge_id: 'x' },
  play: { type: 'play', path: SOUND },
  'play-now': { type: 'play-now', path: SOUND },
  'start-background': { type: 'start-background', path: SOUND },
  'stop-background': { type: 'stop-background', path: SOUND },
}

test.each(Object.entries(messages))(
  'a hostile %s is one answer, and at most the commands that were meant',
  async (_type, message) => {
    for (const field of Object.keys(message)) {
      await fc.assert(
        fc.asyncProperty(hostileText(), async text => {
          // An empty barge_id names nobody; a type that happens to be one of ours is no attack.
          fc.pre(text.length < READ_CHARACTERS_MAX && (field !== 'type' || !(text in messages)))
          const from = stage.switch.record.length
          const answer = await control.order({ ...message, [field]: text })
          const commands = commandsSince(from)
          // Refused with its reason, or obeyed at the switch.
          if (answer.type === 'failure') expect(answer.cause).not.toBeEmpty()
          else expect([answer.type, commands.length > 0]).toEqual(['ack', true])
          for (const { command, headers } of commands) {
            expect(command).toMatch(
              /^(bgapi originate|api (uuid_broadcast|uuid_break|uuid_displace|file_exists)|sendevent CUSTOM)/,
            )
            expect(headers.length).toBeLessThanOrEqual(4)
          }
        }),
        { numRuns: RUNS },
      )
    }
    expect(stage.switch.injections).toEqual([])
  },
  60_000,
)

test('a hostile message on the channel of the switch is one failure', async () => {
  for (const field of ['dial_id1', 'dial_id2'])
    await fc.assert(
      fc.asyncProperty(hostileText(), async text => {
        fc.pre(text.length < READ_CHARACTERS_MAX)
        const from = stage.switch.record.length
        const answer = await core.order({ type: 'bridge', dial_id1: 'a', dial_id2: 'b', [field]: text })
        expect(answer.type).toBe('failure')
        expect(commandsSince(from)).toEqual([])
      }),
      { numRuns: RUNS },
    )
})
