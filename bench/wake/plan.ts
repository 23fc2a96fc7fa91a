// What is measured, how often and for how long. The numbers stand here alone, so that the table can say them.

/** The size of one run. Every round of every target is alike; targets take turns round by round. */
export interface Plan {
  /** Confirmations a second in the latency rounds. */
  ratePerSecond: number
  /** PBX requests held in the first and in the second latency measurement. */
  heldFew: number
  heldMany: number
  /** Rate rounds: requests held, and confirmations under way at once. Few suit one target, many another: each is
   *  measured with both, and its better one counts. */
  outstanding: number
  releasesAtOnce: readonly [few: number, many: number]
  roundsFew: number
  roundsRate: number
  roundsMany: number
  roundSeconds: number
  /** Before the first round of all, flat out. */
  warmUpSeconds: number
  /** Every round is led in for this long before it counts. */
  leadInSeconds: number
  /** Quiet time before memory is read, so that the collectors have run; then the samples, this far apart. */
  settleSeconds: number
  memorySamples: number
  memorySampleIntervalMs: number
}

/** About three minutes. */
export const FULL: Plan = {
  ratePerSecond: 1_000,
  heldFew: 1_000,
  heldMany: 10_000,
  outstanding: 1_000,
  releasesAtOnce: [32, 128],
  roundsFew: 5,
  roundsRate: 4,
  roundsMany: 3,
  roundSeconds: 2,
  warmUpSeconds: 3,
  leadInSeconds: 0.5,
  settleSeconds: 4,
  memorySamples: 7,
  memorySampleIntervalMs: 300,
}

/** Less than a minute: too short for figures that are published. */
export const QUICK: Plan = {
  ...FULL,
  roundsFew: 1,
  roundsRate: 1,
  roundsMany: 1,
  roundSeconds: 1.5,
  settleSeconds: 2,
  memorySamples: 3,
}

/** How fast requests are brought in to be held: no faster than any of the targets takes them. */
export const FILL_PER_SECOND = 2_500

/** The service's wait and resend: long enough that nothing ends or is pushed again within a run, and such that the
 *  resend's timer exists in every wait, as it does in life. */
export const ROUNDTRIP_WAIT_MS = 120_000
export const RESEND_INTERVAL_MS = 59_000
