// The demonstration's acts: an app is woken for a call, and a call is dialled, barged in on, whispered into, muted and
// hung up; then both at once, for a phone that sleeps: the switch's dialplan wakes it, and a job does. Each step waits for what the service really says; nothing is played from a script but the parts of
// those who stand outside: the app, the PBX, the backend, the phones.
import { devicesKey } from '../../src/redis/keys.ts'
import { eventually } from '../../test/harness/internal.ts'
import type { Ear } from './ear.ts'
import { type Narrator, phoneAt, shortened } from './narrator.ts'
import type { Sleeper } from './sleeper.ts'
import type { Stage } from './stage.ts'

/** Who takes part. The switch finds each phone by its number. */
export const CAST = {
  account: 'alice',
  app: 'com.example.phone',
  pushToken: 'push-token-of-alices-phone',
  caller: '1001',
  callee: '1002',
  listener: '1003',
  /** An account as well as an extension: its phone registers at the switch, and sleeps. */
  sleeper: '1000',
} as const

export interface StoryOptions {
  stage: Stage
  ear: Ear
  narrator: Narrator
  /** Between two steps, so that people can follow. */
  paceMs: number
}

/** An app sleeps; a PBX has a call for it. The app's own part is `answerPush`. */
export async function tellWake({ stage, narrator, paceMs }: StoryOptions): Promise<void> {
  const base = stage.service.publicUrl!
  narrator.title('1. A wake: the PBX has a call for an app that sleeps.')

  const device = { sip_user_id: CAST.account, app: CAST.app, token: CAST.pushToken }
  narrator.tell('app → hookswitch', `POST /api/android-device/ ${shortened(formOf(device))}`)
  const registered = await post(`${base}/api/android-device/`, device)
  narrator.tell('hookswitch → app', String(registered.status), 'the phone can be woken from now on')
  await Bun.sleep(paceMs)

  const call = { sip_user_id: CAST.account, phonenumber: '+15105550100', call_id: 'demo-wake' }
  narrator.tell(
    'PBX → hookswitch',
    `POST /api/incoming-call/ ${formOf(call)}`,
    'the PBX wants to ring the app; its request is held until the app is awake',
  )
  const askedAtMs = performance.now()
  const answer = await post(`${base}/api/incoming-call/`, call)
  const heldMs = Math.round(performance.now() - askedAtMs)
  narrator.tell(
    'hookswitch → PBX',
    `${answer.status} ${answer.text} (${answer.reason})`,
    `after ${heldMs} ms: the app is awake, the PBX can ring it now`,
  )
}

/** The app's part, for each push that it gets: it wakes, and says so with the token that it found in the push. */
export async function answerPush(
  payload: { type: string; response_api?: string | number; unique_key?: string | number },
  narrator: Narrator,
  wakesAfterMs: number,
): Promise<void> {
  if (payload.type !== 'call') return
  await Bun.sleep(wakesAfterMs)
  const url = String(payload.response_api)
  narrator.tell('app → hookswitch', `POST ${shortened(new URL(url).pathname + new URL(url).search)}`)
  const answer = await post(url, { unique_key: String(payload.unique_key), message_start_time: '0' })
  narrator.tell(
    'hookswitch → app',
    `${answer.status} ${answer.text}`,
    'this app was the first: it takes the call',
  )
}

/** A backend has one phone connected to another, and a third listen. */
export async function tellCall({ stage, ear, narrator, paceMs }: StoryOptions): Promise<void> {
  const dialId = 'demo-call'
  narrator.title('2. A call: a backend has 1001 and 1002 connected, and 1003 listen.')
  const heard = listenFor(ear, dialId)

  await pushJob(stage, narrator, {
    ...jobOf(dialId, CAST.caller),
    callee_number: CAST.callee,
    caller_id_lega: CAST.callee,
  })
  await heard.next(message => message.type === 'answer-event' && message.side === '1')
  await tellWhoHears(stage, narrator, { [CAST.caller]: [CAST.callee], [CAST.callee]: [CAST.caller] })

  const steps: [message: Record<string, string>, hears: Record<string, string[]>][] = [
    [
      { type: 'barge', phone_number: CAST.listener, caller_id: CAST.callee },
      {
        [CAST.caller]: [CAST.callee],
        [CAST.callee]: [CAST.caller],
        [CAST.listener]: [CAST.caller, CAST.callee],
      },
    ],
    [{ type: 'whisper' }, { [CAST.caller]: [CAST.callee, CAST.listener], [CAST.callee]: [CAST.caller] }],
    [{ type: 'mute' }, { [CAST.caller]: [CAST.callee], [CAST.callee]: [CAST.caller] }],
  ]
  for (const [message, hears] of steps) {
    await Bun.sleep(paceMs)
    await stage.redis.client.publish(dialId, JSON.stringify(message))
    await heard.next(answer => answer.type === 'ack' && answer.event === message.type)
    if (message.type === 'barge') await heard.next(event => event.state === 'answered')
    await tellWhoHears(stage, narrator, hears)
  }
  await Bun.sleep(paceMs)
  await stage.redis.client.publish(dialId, JSON.stringify({ type: 'hangup' }))
  await heard.next(message => message.type === 'hangup-event' && message.side === '1')
  await heard.next(message => message.type === 'barge-event' && message.state === 'ended')
  heard.stop()
}

/** The phone of 1000 sleeps, and 1001 dials it at the switch, which knows hookswitch from its dialplan alone. */
export async function tellDialplan(
  { stage, narrator, paceMs }: StoryOptions,
  sleeper: Sleeper,
): Promise<void> {
  narrator.title('3. The dialplan: 1001 dials 1000, whose phone registers, and sleeps.')
  const { testSwitch, redis } = stage
  sleeper.begin(testSwitch)
  await eventually(
    'the phone to be known',
    async () => (await redis.client.exists(devicesKey(CAST.sleeper))) === 1,
  )
  narrator.tell('agent', `the phone of ${CAST.sleeper} can be pushed from now on`)
  await Bun.sleep(paceMs)
  const uuid = testSwitch.dial({ from: CAST.caller, fromName: 'Ann', extension: CAST.sleeper })
  await eventually('the two to talk', () => testSwitch.channel(uuid)?.bridgedTo !== undefined)
  await tellWhoHears(stage, narrator, { [CAST.caller]: [CAST.sleeper], [CAST.sleeper]: [CAST.caller] })
  await Bun.sleep(paceMs)
  testSwitch.hangup(uuid)
  await eventually('the end of the call', () => testSwitch.channels().length === 0)
}

/** A backend wants 1002 connected to whoever has the account 1000. */
export async function tellAccountCall({ stage, ear, narrator, paceMs }: StoryOptions): Promise<void> {
  const dialId = 'demo-account'
  narrator.title('4. A job for an account: a backend has 1002 connected to 1000, whose phone sleeps again.')
  const heard = listenFor(ear, dialId)
  await pushJob(stage, narrator, {
    ...jobOf(dialId, CAST.callee),
    callee_account: CAST.sleeper,
    caller_id_lega: CAST.sleeper,
  })
  await heard.next(message => message.type === 'answer-event' && message.side === '1')
  await tellWhoHears(stage, narrator, { [CAST.callee]: [CAST.sleeper], [CAST.sleeper]: [CAST.callee] })
  await Bun.sleep(paceMs)
  await stage.redis.client.publish(dialId, JSON.stringify({ type: 'hangup' }))
  await heard.next(message => message.type === 'hangup-event' && message.side === '1')
  heard.stop()
}

const jobOf = (dialId: string, caller: string) => ({
  type: 'asp-call',
  dial_id: dialId,
  call_provider: 'any',
  caller_number: caller,
  caller_id_legb: caller,
  org_id: 'demo',
  user_id: 'demo',
})

async function pushJob(
  stage: Stage,
  narrator: Narrator,
  job: Record<string, string> & { dial_id: string },
): Promise<void> {
  const text = JSON.stringify(job)
  narrator.tell(
    'backend → agents',
    `RPUSH talkiq-asp.calls ${text}`,
    `a job for whichever agent is free; what becomes of it is told on the channel ${job.dial_id}`,
  )
  await stage.redis.client.rpush('talkiq-asp.calls', text)
}

/** Waits until the switch has the sound so, and tells it. */
async function tellWhoHears(
  stage: Stage,
  narrator: Narrator,
  expected: Record<string, string[]>,
): Promise<void> {
  const phones = () =>
    stage.testSwitch.channels().map(({ uuid, destination }) => ({ uuid, destination: phoneAt(destination) }))
  const hearing = (number: string): string[] => {
    const uuid = phones().find(phone => phone.destination === number)?.uuid
    const sounds = uuid ? [...stage.testSwitch.hears(uuid)] : []
    return sounds.map(sound => phones().find(phone => phone.uuid === sound)?.destination ?? sound).sort()
  }
  await eventually(`the sound as it should be: ${JSON.stringify(expected)}`, () =>
    Object.entries(expected).every(([number, sounds]) => hearing(number).join() === sounds.join()),
  )
  const sentences = phones().map(
    ({ destination }) => `${destination} hears ${hearing(destination).join(' and ')}`,
  )
  narrator.tell('switch', sentences.join(', '))
}

interface Heard {
  /** The first message that fits, heard already or to come; each is found once. */
  next(fits: (message: Record<string, string>) => boolean): Promise<void>
  stop(): void
}

function listenFor(ear: Ear, dialId: string): Heard {
  const messages: Record<string, string>[] = []
  let look = () => {}
  const stop = ear.listen((channel, text) => {
    if (channel !== dialId) return
    messages.push(JSON.parse(text) as Record<string, string>)
    look()
  })
  return {
    next: fits =>
      new Promise(resolve => {
        look = () => {
          const found = messages.findIndex(fits)
          if (found < 0) return
          messages.splice(found, 1)
          resolve()
        }
        look()
      }),
    stop,
  }
}

const formOf = (fields: Record<string, string>): string =>
  Object.entries(fields)
    .map(([name, value]) => `${name}=${value}`)
    .join(' ')

async function post(url: string, fields: Record<string, string>) {
  const response = await fetch(url, { method: 'POST', body: new URLSearchParams(fields) })
  return {
    status: response.status,
    text: await response.text(),
    reason: response.headers.get('x-hookswitch-reason') ?? '',
  }
}
