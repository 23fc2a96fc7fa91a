// Makes spans of what is recorded: the same entries that become a timeline become one trace of the call. A wake is a
// span from its request to its outcome, with its pushes and the app's round trip as children; a dialled call one from
// its job to its end, with originate, rings, talk, bargers and control messages. The PBX or the
// backend may name the trace; the app and an agent that takes the call over are told of it. Without a tracer none of this
// exists.

import type { Clock } from '../base/units.ts'
import type { Attributes, Span, Tracer } from '../tracing/types.ts'
import type { DialEntry, Entry, WakeEntry } from './entry.ts'
import { type About, masked, type Recorder } from './recorder.ts'
import { isOfWake } from './scene.ts'

/** Where the traces of wakes and calls are. */
export interface Traces {
  /** Begins a dialled call's trace before anything of it is recorded. @returns what its survivors must know of it;
   *  undefined when it is not traced. */
  beginCall(dialId: string, traceparent: string | undefined): string | undefined
  /** What the app is told of its wake's trace; undefined when it is not traced. */
  traceparentOf(wake: { callId: string; account: string }): string | undefined
}

export type TracedRecorder = Recorder & Traces

/** Wakes and calls that are traced at once; further ones are not. */
const OPEN_MAX = 50_000

/** Children of one call that are open at once, beyond which bargers are not traced. */
const CHILDREN_MAX = 100

/** A wake or a call that runs. */
interface Open {
  span: Span
  /** Requests that share a wake. */
  held: number
  /** By what ends them. */
  children: Map<string, Span>
  failure?: string
  /** Its job is ours, not a second one of a dial id in use. */
  isTaken?: boolean
}

export function createTracedRecorder(
  recorder: Recorder,
  tracer: Tracer,
  { showsFullNumbers, clock }: { showsFullNumbers: boolean; clock: Clock },
): TracedRecorder {
  const open = new Map<string, Open>()

  function begin(key: string, name: string, traceparent: string | undefined, atMs: number): Open | undefined {
    if (open.size >= OPEN_MAX) return undefined
    const parent = traceparent === undefined ? {} : { parent: traceparent }
    const span = tracer.begin(name, { ...parent, kind: 'server', atMs })
    if (!span.isSampled) return undefined
    const begun: Open = { span, held: 1, children: new Map() }
    open.set(key, begun)
    return begun
  }

  function end(key: string, atMs: number): void {
    const ended = open.get(key)
    if (!ended) return
    open.delete(key)
    for (const child of ended.children.values()) child.end(atMs)
    ended.span.end(atMs, ended.failure)
  }

  function beginChild({ span, children }: Open, key: string, name: string, atMs: number, more: Attributes) {
    if (children.size >= CHILDREN_MAX) return
    children.get(key)?.end(atMs)
    children.set(key, tracer.begin(name, { parent: span, atMs, attributes: more }))
  }

  function endChild({ children }: Open, key: string, atMs: number, more: Attributes = {}, failure?: string) {
    const child = children.get(key)
    children.delete(key)
    child?.set(more)
    child?.end(atMs, failure)
  }

  /** One that is known only when it is over. */
  function addChild(
    { span }: Open,
    name: string,
    fromMs: number,
    atMs: number,
    more: Attributes,
    failure?: string,
  ) {
    tracer.begin(name, { parent: span, kind: 'client', atMs: fromMs, attributes: more }).end(atMs, failure)
  }

  function traceWake(id: string, entry: WakeEntry, atMs: number, about: About): void {
    if (!('account' in entry)) return
    const key = wakeKeyOf(id, entry.account)
    const known = open.get(key)
    const more = attributesOf(entry, showsFullNumbers)
    if (entry.what === 'request') {
      if (known) known.held += 1
      else begin(key, 'wake', about.traceparent, atMs)?.span.set({ ...more, call_id: id })
      return
    }
    // At whichever process the app reached; its push told it of the trace.
    if (entry.what === 'app-answered' && about.traceparent !== undefined)
      tracer
        .begin('app answer', { parent: about.traceparent, kind: 'server', atMs, attributes: more })
        .end(clock())
    if (!known) return
    switch (entry.what) {
      case 'push-answered': {
        const failure = entry.outcome === 'accepted' ? undefined : (entry.reason ?? entry.outcome)
        return addChild(known, 'push', atMs - entry.tookMs, atMs, more, failure)
      }
      case 'outcome':
        if (entry.roundTripMs !== undefined)
          addChild(known, 'app round trip', atMs - entry.roundTripMs, atMs, more)
        known.span.set(more)
        if (entry.reason === 'busy') known.failure = entry.reason
        known.held -= 1
        if (known.held === 0) end(key, atMs)
        return
      case 'request-refused':
        return end(key, atMs)
      default:
        return known.span.note(entry.what, atMs, more)
    }
  }

  function traceDial(id: string, entry: DialEntry, atMs: number, about: About): void {
    const more = attributesOf(entry, showsFullNumbers)
    const known = open.get(id) ?? beginsHere(id, entry, atMs, about)
    if (!known) return
    switch (entry.what) {
      case 'job-taken':
        known.isTaken = true
        known.span.set({ ...more, dial_id: id })
        if (entry.queuedForMs !== undefined) addChild(known, 'queued', atMs - entry.queuedForMs, atMs, {})
        return
      case 'job-refused':
        if (entry.isOther && known.isTaken) return known.span.note(entry.what, atMs, more)
        known.failure = entry.cause
        return end(id, atMs)
      case 'failure':
        known.failure = entry.cause
        return known.span.note(entry.what, atMs, more)
      case 'originate':
        return beginChild(known, 'originate', 'originate', atMs, more)
      case 'originate-answered':
        return endChild(known, 'originate', atMs, more, entry.outcome === 'ok' ? undefined : entry.outcome)
      case 'leg':
        return beginChild(known, `leg ${entry.side}`, LEG_SPANS[entry.state], atMs, more)
      case 'hangup':
        return endChild(known, `leg ${entry.side}`, atMs, more)
      case 'barger': {
        const key = `barger ${entry.barger}`
        if (entry.state === 'ended') return endChild(known, key, atMs, more)
        return beginChild(known, key, entry.state === 'ringing' ? 'ring barger' : 'listen', atMs, more)
      }
      case 'control-answered':
        return addChild(
          known,
          `control ${entry.event}`,
          atMs - (entry.tookMs ?? 0),
          atMs,
          more,
          entry.isObeyed ? undefined : entry.cause,
        )
      case 'control':
        return
      case 'over':
      case 'job-returned':
      case 'handed-over':
      case 'left-alone':
        known.span.set({ ended_by: entry.what })
        return end(id, atMs)
      default:
        return known.span.note(entry.what, atMs, more)
    }
  }

  /** A job that is refused before it is a call, or a call that comes from another agent. */
  function beginsHere(id: string, entry: DialEntry, atMs: number, about: About): Open | undefined {
    if (entry.what === 'job-taken') return begin(id, 'call', about.traceparent, atMs)
    if (entry.what === 'taken-over') return begin(id, 'call taken over', about.traceparent, atMs)
    return undefined
  }

  return {
    add(id, entry, about = NOTHING) {
      recorder.add(id, entry, about)
      const atMs = about.atMs ?? clock()
      if (isOfWake(entry)) traceWake(id, entry, atMs, about)
      else traceDial(id, entry, atMs, about)
    },

    beginCall(dialId, traceparent) {
      return open.has(dialId) ? undefined : begin(dialId, 'call', traceparent, clock())?.span.traceparent
    },

    traceparentOf: ({ callId, account }) => open.get(wakeKeyOf(callId, account))?.span.traceparent,

    async close() {
      for (const key of [...open.keys()]) end(key, clock())
      await Promise.all([recorder.close(), tracer.close()])
    },
  }
}

const NOTHING: About = {}

/** No call id and no dial id has a blank in it. */
const wakeKeyOf = (callId: string, account: string): string => `${callId} ${account}`

/** Of a leg that rings, or is answered. */
const LEG_SPANS = { ringing: 'ring', answered: 'talk' } as const

/** An entry's own fields, numbers and accounts masked unless they are shown. */
function attributesOf(entry: Entry, showsFullNumbers: boolean): Attributes {
  const { what: _, ...fields } = showsFullNumbers ? entry : masked(entry)
  return Object.fromEntries(
    Object.entries(fields).filter(([, value]) => ['string', 'number', 'boolean'].includes(typeof value)),
  ) as Attributes
}
