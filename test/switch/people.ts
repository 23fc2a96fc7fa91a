// The people whom the simulation and the chaos runs call: what each does when the phone rings, and the sound that is played
// to them.
import type { PhoneBehaviour } from './phones.ts'

/** By the last three digits of the number. Bargers' phones too. */
export const PHONES: Record<string, PhoneBehaviour> = {
  '101': { kind: 'answer', afterMs: 60, hangupAfterMs: 1_200 },
  '102': { kind: 'answer', afterMs: 250, hangupAfterMs: 4_000 },
  '103': { kind: 'answer', afterMs: 700, hangupAfterMs: 9_000 },
  '104': { kind: 'answer', afterMs: 120 },
  '105': { kind: 'early-media', afterMs: 100, answerAfterMs: 500 },
  '486': { kind: 'busy', afterMs: 200 },
  '603': { kind: 'reject' },
  '480': { kind: 'no-answer' },
}

export const SOUND = '/usr/share/freeswitch/sounds/test/announce-3s.wav'
