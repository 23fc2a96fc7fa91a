// How a call stands, in one sentence; and the words by which calls are put in order and filtered.
import { duration, inWords, span } from './format.js'

/** `Both answered, 1:09, two listen.` */
export function sentenceOf(call, nowMs) {
  const [a, b] = call.legs
  const subject =
    call.kind === 'asp-call' ? { a: 'The caller', b: 'the callee' } : { a: 'The phone', b: 'the other side' }
  const waking = wakingOf(a, nowMs) ?? wakingOf(b, nowMs)
  const { words, fromMs } = howOf(a, b, subject)
  // A call that an older version began has only the time at which its job was taken.
  const sinceMs = fromMs ?? call.sinceMs
  const lasts = waking
    ? [waking]
    : sinceMs === null || sinceMs === undefined
      ? []
      : [duration(nowMs - sinceMs)]
  return `${[words, ...lasts, ...listenersOf(call.bargers)].join(', ')}.`
}

/** `waking 1000’s phone, pushed 0.8 s ago`; undefined: no phone of this leg is being woken. */
function wakingOf(leg, nowMs) {
  if (!leg?.wake) return undefined
  const { state, sinceMs } = leg.wake
  const ago = sinceMs === null ? '' : ` ${span(Math.max(0, nowMs - sinceMs))} ago`
  const phone = leg.number === '' ? 'the phone' : `${leg.number}’s phone`
  switch (state) {
    case 'pushed':
      return `waking ${phone}, pushed${ago}`
    case 'confirmed':
      return `${phone} is awake and not rung yet`
    case 'failed':
      return `${phone} did not wake`
    default:
      return `waking ${phone}, ${ago === '' ? 'no push yet' : `asked for${ago}, no push yet`}`
  }
}

function howOf(a, b, subject) {
  if (a?.wake) return { words: 'Nobody is rung yet', fromMs: null }
  if (b?.wake) return { words: `${subject.a} waits`, fromMs: null }
  if (a === undefined || a.state === 'expected') return { words: 'Ordered, no phone rings yet', fromMs: null }
  if (a.state === 'ringing') return { words: `${subject.a} is being rung`, fromMs: a.sinceMs }
  if (a.state === 'hungup') return { words: `${subject.a} has hung up`, fromMs: a.sinceMs }
  switch (b?.state) {
    case undefined:
      return { words: 'Answered', fromMs: a.sinceMs }
    case 'expected':
      return { words: `${subject.a} answered, ${subject.b} is not rung yet`, fromMs: a.sinceMs }
    case 'ringing':
      return { words: `${subject.a} waits, ${subject.b} is being rung`, fromMs: b.sinceMs }
    case 'hungup':
      return { words: `${subject.a} is left, ${subject.b} has hung up`, fromMs: b.sinceMs }
    default:
      return {
        words: 'Both answered',
        fromMs: a.sinceMs === null || b.sinceMs === null ? null : Math.max(a.sinceMs, b.sinceMs),
      }
  }
}

const MODES = {
  mute: ['listens', 'listen'],
  whisper: ['whispers', 'whisper'],
  threeway: ['speaks with both', 'speak with both'],
}

function listenersOf(bargers) {
  const inside = bargers.filter(barger => barger.state === 'answered')
  return Object.entries(MODES).flatMap(([mode, [one, several]]) => {
    const times = inside.filter(barger => barger.mode === mode).length
    return times === 0 ? [] : [`${inWords(times)} ${times === 1 ? one : several}`]
  })
}

/** Whether no agent steers the call. */
export const isInTrouble = call => !call.isOwnerAlive

/** The choices of the filter that a call belongs to. */
export function statesOf(call) {
  const isAnswered = call.legs.every(leg => leg.state === 'answered')
  return [
    ...(isInTrouble(call) ? ['trouble'] : []),
    ...(call.legs.some(leg => leg.wake) ? ['waking'] : []),
    isAnswered ? 'answered' : 'ringing',
    ...(call.bargers.length > 0 ? ['barged'] : []),
  ]
}
