// What is measured, how often and for how long. The numbers stand here alone, so that the table can say them.

export interface Plan {
  /** Every measurement is made so many times, the targets in turn; the medians are printed. */
  rounds: number
  /** Bursts before anything is measured. */
  warmUpRushes: number
  /** Jobs a second in the latency rounds, a busy moment and a quiet one, and how long each lasts. */
  jobRates: { perSecond: number; seconds: number }[]
  /** Control messages a second. */
  controlsPerSecond: number
  /** Calls that are up and steered, each with one barger. */
  callsSteered: number
  controlSeconds: number
  /** Every round is led in for this long before it counts. */
  leadInSeconds: number
  /** Jobs pushed at once, and how often. */
  jobsAtOnce: number
  roundsAtOnce: number
  roundsEvents: number
  eventsRead: number
  /** Other people's calls beside an agent with nothing to do, and how many of them end and begin each second. */
  foreignCalls: number
  foreignTurnsPerSecond: number
  idleSeconds: number
}

/** About two minutes. */
export const FULL: Plan = {
  rounds: 5,
  warmUpRushes: 2,
  jobRates: [
    { perSecond: 200, seconds: 1.25 },
    { perSecond: 50, seconds: 1.75 },
  ],
  controlsPerSecond: 200,
  callsSteered: 100,
  controlSeconds: 1.25,
  leadInSeconds: 0.3,
  jobsAtOnce: 3_000,
  roundsAtOnce: 3,
  roundsEvents: 3,
  eventsRead: 6_016,
  foreignCalls: 5_000,
  foreignTurnsPerSecond: 50,
  idleSeconds: 10,
}

/** Half a minute: too short for figures that are published. */
export const QUICK: Plan = {
  ...FULL,
  rounds: 1,
  warmUpRushes: 1,
  jobsAtOnce: 1_000,
  roundsAtOnce: 1,
  roundsEvents: 1,
  eventsRead: 1_984,
  foreignCalls: 1_000,
  idleSeconds: 3,
}

/** The bars: at most so many times the floor's figure, or at least so many times the other one's. */
export const AIMS = {
  jobTimesMax: 2.5,
  controlTimesMax: 1.5,
  eventsTimesMin: 10,
  replyMsMax: 10,
  jobCpuUsMax: 180,
  /** Several agents beside one, on the cores that one has. */
  severalTimesMin: 0.9,
}
