// A conversation on the event socket in a short form that can be compared: uuids become labels in the order in which
// they appear, events become their names, their header names in order, and those values that do not change from run
// to run. The recordings in fixtures/ and what a replay of them brings are both put into this form.

import { type Frame, headersOf } from './eslProbe.ts'

/** One direction's bytes of one moment: a whole command, or a whole frame. */
export interface Utterance {
  from: 'client' | 'switch'
  text: string
}

export type Step =
  | { kind: 'command'; text: string }
  /** A reply, an api result or a notice: head and body. */
  | { kind: 'reply'; text: string }
  | {
      kind: 'event'
      name: string
      /** The leg's label, or the empty text. */
      leg: string
      /** Header names in order, a repeated one as often as it stands there. */
      keys: string[]
      /** Values that differ from the same leg's event before; null = the header is gone. */
      changes: Record<string, string | null>
    }

/** Puts a conversation into the short form. HEARTBEATs are left out: they come when they come. */
export function stepsOf(utterances: Utterance[]): Step[] {
  const labels = new Labels()
  const last = new Map<string, Map<string, string>>()
  const steps: Step[] = []
  for (const { from, text } of utterances) {
    if (from === 'client') steps.push({ kind: 'command', text: labels.put(text.trim()) })
    else {
      const step = frameStep(frameOf(text), labels, last)
      if (step) steps.push(step)
    }
  }
  return steps
}

/** The frame of a text that holds exactly one. */
function frameOf(text: string): Frame {
  const end = text.indexOf('\n\n')
  const head = text.slice(0, end)
  const body = text.slice(end + 2)
  return { head, body, headers: headersOf(head, body) }
}

function frameStep(frame: Frame, labels: Labels, last: Map<string, Map<string, string>>): Step | undefined {
  const { head, body, headers } = frame
  if (headers.length === 0 || LONG.test(body)) {
    // Lengths follow from the body and differ with the labels.
    const text = `${head.replace(/^Content-Length: \d+$/m, 'Content-Length: n')}\n\n${body}`
    return {
      kind: 'reply',
      text: labels.put(unchanging(LONG.test(body) ? text.slice(0, LONG_LENGTH) : text)),
    }
  }
  const name = headers.find(([key]) => key === 'Event-Name')![1]
  if (name === 'HEARTBEAT') return undefined
  const values = new Map<string, string>()
  for (const [key, value] of headers) if (isCompared(key)) values.set(key, labels.put(unchanging(value)))
  const leg = labels.put(headers.find(([key]) => key === 'Unique-ID')?.[1] ?? '')
  const before = last.get(leg) ?? new Map<string, string>()
  // What belongs to no leg is compared in full.
  if (leg !== '') last.set(leg, values)
  return {
    kind: 'event',
    name,
    leg,
    keys: headers.map(([key]) => key),
    changes: changesBetween(before, values),
  }
}

function changesBetween(
  before: Map<string, string>,
  now: Map<string, string>,
): Record<string, string | null> {
  const changes: Record<string, string | null> = {}
  for (const [key, value] of now) if (before.get(key) !== value) changes[key] = value
  for (const key of before.keys()) if (!now.has(key)) changes[key] = null
  return changes
}

// A dump of a channel is compared by its beginning; its headers are those of any event.
const LONG_LENGTH = 70
const LONG = /^(\{"Event-Name":"CHANNEL_DATA"|Event-Name: CHANNEL_DATA)/

const UUID = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g

class Labels {
  #labels = new Map<string, string>()

  put(text: string): string {
    return text.replace(UUID, uuid => {
      const label = this.#labels.get(uuid) ?? `<${this.#labels.size + 1}>`
      this.#labels.set(uuid, label)
      return label
    })
  }
}

/** Fills labels with uuids of their own, so that a recorded command can be sent. */
export const withUuids = (text: string): string =>
  text.replace(/<(\d+)>/g, (_, number: string) => `00000000-0000-4000-8000-${number.padStart(12, '0')}`)

// Dates, epochs, uptimes and the core's id are different every time.
const unchanging = (text: string): string =>
  text
    .replace(/\d{4}-\d\d-\d\d \d\d:\d\d:\d\d/g, '<date>')
    .replace(/("[a-z_]*epoch":)"\d+"/g, '$1"<epoch>"')
    .replace(/UP 0 years.*/, 'UP <time>')
    .replace(/Added: \d+/, 'Added: n')
    .replace(/\b\d{10}:[0-9a-f-]{36}:/g, '<epoch>:')
    .replace(/^\d+ session\(s\).*$/gm, '<sessions>')

// The header names are compared in any case; of the values those that a client may act on, and those that follow a
// rule worth keeping. What every event of a name has alike is left out.
const COMPARED = new RegExp(
  `^(${[
    'Event-Info|Event-Subclass|Channel-(State|Call-State|State-Number|HIT-Dialplan|Call-UUID)',
    'Answer-State|Hangup-Cause|Unique-ID|Caller-(Logical-Direction|Caller-ID-.*|Orig-.*|Callee-ID-.*)',
    'Other-Type|Other-Leg-(Unique-ID|Caller-ID-Number|Callee-ID-Number)',
    'Bridge-.*|Application|Application-Data|Application-Response|Playback-.*|DTMF-.*|Media-Bug-.*',
    'Job-UUID|_body|Command|unique-id|eavesdrop-command|Gateway|State|Ping-Status|Phrase|Status',
    'variable_(call_uuid|signal_bond|bridge_(to|uuid|hangup_cause)|last_bridge_.*)',
    'variable_(originate_(disposition|causes|failed_cause|signal_bond)|DIALSTATUS|originated_legs|hangup_cause_q850)',
    'variable_(sip_term_.*|proto_specific_.*|sip_hangup_.*|sip_invite_failure_.*|endpoint_disposition|uuid_bridge)',
    'variable_(current_application_response|channel_cid_flipped|last_sent_.*)',
    'variable_(originating_leg_uuid|originator)',
  ].join('|')})$`,
)

const isCompared = (key: string): boolean => COMPARED.test(key)
