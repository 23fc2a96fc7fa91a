// Numbers, times and names in the form that the page shows them in.

/** `3 calls`, `1 call`. */
export const count = (number, noun, plural = `${noun}s`) => `${whole(number)} ${number === 1 ? noun : plural}`

export const whole = number => number.toLocaleString('en')

/** A time of day in the viewer's zone. */
export const clock = ms => new Date(ms).toLocaleTimeString('en-GB')

/** Of another day: `30 Nov, 14:03`. */
export const dayAndClock = ms =>
  new Date(ms).toLocaleString('en-GB', { day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit' })

/** The same with milliseconds, to read one event after another. */
export const fineClock = ms => `${clock(ms)}.${String(new Date(ms).getMilliseconds()).padStart(3, '0')}`

/** How long something lasts: `0:07`, `12:45`, `3:05:09`. */
export function duration(ms) {
  const seconds = Math.max(0, Math.floor(ms / 1000))
  const two = number => String(number).padStart(2, '0')
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60]
  return hours > 0 ? `${hours}:${two(minutes)}:${two(seconds % 60)}` : `${minutes}:${two(seconds % 60)}`
}

/** A span in the unit that suits it, which never stands on another line: `340 ms`, `1.2 s`, `4 min`, `12 days`. */
export function span(ms) {
  if (ms < 995) return `${Math.round(ms)}\u00a0ms`
  if (ms < 60_000) return `${(ms / 1000).toFixed(ms < 9_950 ? 1 : 0)}\u00a0s`
  if (ms < 3_600_000) return `${Math.round(ms / 60_000)}\u00a0min`
  if (ms < 48 * 3_600_000) return `${Math.round(ms / 3_600_000)}\u00a0h`
  return `${Math.round(ms / 86_400_000)}\u00a0days`
}

/** Host and process, and for an agent what tells it from its neighbours: `pod-7-1a2b3c4d-5e6f7a8b` is `pod-7 5e6f7a8b`. */
export function shortName(name) {
  const [, process, , agent] = /^(.+?)-([0-9a-f]{8})(?:-([0-9a-f]{8}))?$/.exec(name) ?? [undefined, name]
  const host =
    process.length <= HOST_MAX ? process : `${process.slice(0, HOST_MAX / 2)}…${process.slice(-HOST_MAX / 2)}`
  return agent === undefined ? host : `${host} ${agent}`
}

const HOST_MAX = 28

const WORDS = ['no', 'one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine']

/** A small number as a word. */
export const inWords = number => WORDS[number] ?? whole(number)
