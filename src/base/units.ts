// Conversions between the units that the wire, the settings and the timers speak. Milliseconds inside, always;
// seconds only where a protocol wants them. Nothing here reads the clock by itself.

export const MS_PER_SECOND = 1_000
export const MS_PER_MINUTE = 60_000

/** The wall clock, passed in wherever time matters. @returns milliseconds since the epoch. */
export type Clock = () => number

export const toSeconds = (ms: number): number => ms / MS_PER_SECOND

/** Rounded up: a limit said in whole seconds (`Retry-After`, `EXPIRE`) must not end early. */
export const toWholeSeconds = (ms: number): number => Math.ceil(ms / MS_PER_SECOND)
