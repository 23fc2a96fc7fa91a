// What the routes about dialled calls take and answer, as their callers are told: names, types, examples. The rules of
// jobs and commands themselves are the dial room's; its parsers judge, and stand behind each schema here.
import { t } from 'elysia'
import type { WireMessage } from '../../backend/sendCommand.ts'
import { type Message, readControl } from '../../dial/control/messages.ts'
import { aheadOf, readJob } from '../../dial/job/job.ts'
import { checked, type FieldMistake, pick } from './checked.ts'

const ID = '1-128 of letters, digits and `_.:@+-`'
const id = (description: string, example: string) =>
  t.String({
    description,
    minLength: 1,
    maxLength: 128,
    pattern: '^[A-Za-z0-9_.:@+-]+$',
    examples: [example],
  })
const number = (description: string, example: string) =>
  t.String({ description, maxLength: 32, examples: [example] })
const callerId = (description: string) =>
  t.String({
    description: `${description}: a number, or 1-64 of letters, digits and \`_.+-\``,
    examples: ['+15105550100'],
  })
const account = (description: string) =>
  t.Optional(
    t.String({
      description: `${description} Its phones are woken, and rung where they are registered. With a number beside it: that is called when none wakes.`,
      maxLength: 320,
      examples: ['1000'],
    }),
  )
const target = t.String({ description: 'A number or a SIP URI.', examples: ['sip:alice@203.0.113.7'] })
const word = (description: string, example: string) =>
  t.String({ description, minLength: 1, maxLength: 256, examples: [example] })

const login = {
  auth: t.Optional(t.Boolean({ description: 'The SIP URI’s server asks for a login.', examples: [false] })),
  sip_auth_username: t.Optional(t.String({ maxLength: 128, examples: ['alice'] })),
  sip_auth_password: t.Optional(t.String({ maxLength: 128, format: 'password', examples: ['secret'] })),
}

const jobCommon = {
  dial_id: t.Optional(id(`Names the call and its channel, ${ID}; a new one when left out.`, 'my-call')),
  org_id: id('Organisation, as its history is kept.', 'acme'),
  user_id: id('User, as its history is kept.', '42'),
  queued_at: t.Optional(
    t.Number({
      description: 'Epoch seconds; now when left out. Too old at JOB_MAX_AGE.',
      examples: [1764000000],
    }),
  ),
  traceparent: t.Optional(
    t.String({
      description: 'W3C Trace Context, carried into the job; otherwise that of the request’s header.',
      examples: ['00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'],
    }),
  ),
}

const aspCall = t.Object(
  {
    kind: t.Literal('asp-call'),
    ...jobCommon,
    call_provider: word('Chooses the gateway (`GATEWAYS`).', 'default'),
    caller_account: account('The app account that is rung first (side "0").'),
    caller_number: t.Optional(
      number('Who is rung first (side "0"); may be missing beside `caller_account` alone.', '+15105550101'),
    ),
    callee_account: account('The app account that is rung next (side "1").'),
    callee_number: t.Optional(
      number('Who is rung next (side "1"); may be missing beside `callee_account` alone.', '+15105550102'),
    ),
    caller_id_lega: callerId('What the caller sees'),
    caller_id_legb: callerId('What the callee sees'),
  },
  {
    title: 'AspCall',
    description: 'Rings a caller, then connects them to a callee.',
    examples: [
      {
        ...{ kind: 'asp-call', org_id: 'acme', user_id: '42', call_provider: 'default' },
        ...{ caller_number: '+15105550101', callee_number: '+15105550102' },
        ...{ caller_id_lega: '+15105550100', caller_id_legb: '+15105550100' },
      },
    ],
  },
)

/** A bot call, but for its kind. */
const BOT_EXAMPLE = {
  org_id: 'acme',
  user_id: '42',
  phone_number: 'sip:alice@203.0.113.7',
  caller_id: '+15105550100',
}

const botCall = t.Object(
  {
    kind: t.Literal('bot-call'),
    ...jobCommon,
    account: account('The app account that is rung.'),
    phone_number: t.Optional(target),
    caller_id: callerId('What the phone shows'),
    ...login,
  },
  {
    title: 'BotCall',
    description: 'Rings one phone and parks it, ready for a bridge.',
    examples: [{ kind: 'bot-call', ...BOT_EXAMPLE }],
  },
)

const loadTest = t.Object(
  {
    kind: t.Literal('load-test'),
    ...jobCommon,
    phone_number: target,
    leg: word('The side that its events name.', '0'),
    gateway: word('Through which gateway.', 'loadtest'),
    dialpad_crm: word('Header X-Dialpad-CRM.', 'none'),
    parent_callid: word('Header X-Dialpad-ParentCallId.', 'none'),
    callee_name: word('Header X-Dialpad-CalleeName.', 'none'),
    target_key: word('Header X-Dialpad-TargetKey.', 'none'),
    topic: word('Header X-Dialpad-Topic.', 'none'),
  },
  { title: 'LoadTest', description: 'Rings one phone as a load test does; needs RED_MODE=load-test.' },
)

const JOBS = { 'asp-call': aspCall, 'bot-call': botCall, 'load-test': loadTest }

/** The fields of a job of that kind; of an unknown kind those that every job has. */
function jobFields(fields: Record<string, unknown>): Record<string, unknown> {
  const { kind } = fields
  // Anything but a text is not even tried as one: it may have a `toString` of its own.
  const isKind = typeof kind === 'string' && Object.hasOwn(JOBS, kind)
  const schema = isKind ? JOBS[kind as keyof typeof JOBS] : t.Object(jobCommon)
  return { kind: fields.kind, ...pick(schema, fields) }
}

/** What a request asks to be dialled as the job that is queued, in the wire's words. */
export function jobOf({ kind, ...fields }: Record<string, unknown> & { kind: string }): WireMessage {
  return { type: kind, ...fields }
}

/** A valid dial id in place of the one that will be made. */
const SOME_DIAL_ID = 'new'

function jobMistakes(fields: Record<string, unknown>): FieldMistake[] {
  const kind = typeof fields.kind === 'string' ? fields.kind : ''
  const job = readJob({ dial_id: SOME_DIAL_ID, ...jobOf({ ...fields, kind }) })
  const ahead = job.ok ? aheadOf(job.value, Date.now()) : undefined
  const mistakes = job.ok ? (ahead ? [ahead] : []) : job.failure.mistakes
  const { traceparent } = fields
  const isTraceable = traceparent === undefined || readTraceparent(traceparent) !== undefined
  return [
    ...mistakes.map(({ field, detail }) => ({ field: field === 'type' ? 'kind' : field, detail })),
    ...(isTraceable ? [] : [{ field: 'traceparent', detail: 'must be a traceparent of W3C Trace Context' }]),
  ]
}

/** @returns undefined when it is none (Trace Context, 3.2). */
export function readTraceparent(given: unknown): string | undefined {
  if (typeof given !== 'string') return undefined
  const parts = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}$/.exec(given)
  const isUsable = parts && parts[1] !== 'ff' && !/^0+$/.test(parts[2]!) && !/^0+$/.test(parts[3]!)
  return isUsable ? given : undefined
}

export const jobBody = checked(t.Union([aspCall, botCall, loadTest]), jobMistakes, jobFields)

/** A bot call on one switch: the same job, said on the switch's channel. */
export const switchBotCallBody = checked(
  t.Omit(botCall, ['kind', 'queued_at'], {
    title: 'SwitchBotCall',
    description: 'Rings one phone from this switch and parks it.',
    examples: [{ dial_id: 'my-call', ...BOT_EXAMPLE }],
  }),
  fields => jobMistakes({ ...fields, kind: 'bot-call' }),
)

const dialIdField = id(`The call’s id: ${ID}.`, 'my-call')

/** A job that is right except for its dial id, so that a mistake is the dial id's. */
const dialIdMistakes = (fields: Record<string, unknown>, name: string): FieldMistake[] => {
  const read = readJob({ dial_id: fields[name] })
  const mistakes = read.ok ? [] : read.failure.mistakes
  return mistakes.filter(each => each.field === 'dial_id').map(({ detail }) => ({ field: name, detail }))
}

export const callParams = checked(t.Object({ dial_id: dialIdField }), fields =>
  dialIdMistakes(fields, 'dial_id'),
)

const bargeId = t.Optional(
  t.String({
    description: 'Which barger; the newest when left out.',
    examples: ['6b1f6c1e-6f3c-4a6e-9a53-2f1f0c7f1d10'],
  }),
)
const path = t.String({
  description: 'A sound file of the switch, `local_stream://…` or `tone_stream://…`.',
  maxLength: 512,
  examples: ['/var/sounds/please-hold.wav'],
})

const bargerFields = t.Object({ barge_id: bargeId })
const bargeFields = t.Object({
  phone_number: target,
  caller_id: callerId('What the barger’s phone shows'),
  ...login,
})
const pathFields = t.Object({ path })
const noFields = t.Object({})

const commandBody = <Schema extends ReturnType<typeof t.Object>>(schema: Schema, type: string) =>
  checked(schema, fields => {
    const control = readControl({ ...fields, type } as Message)
    if (control.ok) return []
    const { failure } = control
    return typeof failure === 'string' ? [{ field: 'command', detail: failure }] : failure
  })

/** The body of each command that goes to a call's channel. */
export const commandBodies = {
  hangup: commandBody(bargerFields, 'hangup'),
  barge: commandBody(bargeFields, 'barge'),
  barger: commandBody(bargerFields, 'mute'),
  path: commandBody(pathFields, 'play'),
  none: commandBody(noFields, 'stop-playback'),
}

export const bridgeBody = checked(t.Object({ dial_id2: dialIdField }), fields =>
  dialIdMistakes(fields, 'dial_id2'),
)

export const switchBridgeBody = checked(
  t.Object({ dial_id1: dialIdField, dial_id2: dialIdField }),
  fields => [...dialIdMistakes(fields, 'dial_id1'), ...dialIdMistakes(fields, 'dial_id2')],
)
