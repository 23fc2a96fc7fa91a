// The names under which an agent counts and measures. The metrics live on the main thread.

/** Counts for the metrics, which live on the main thread. */
export type Count = (name: CountName, label?: string) => void
export type CountName =
  | 'jobs'
  | 'deadLetters'
  | 'events'
  | 'controls'
  | 'hangups'
  | 'takeovers'
  | 'timelineDropped'
  | 'dials'
  | 'bugs'
  | 'registers'
  | 'registerConfirmations'
  | 'jobWakes'
  | 'contactsLeftOut'

/** Times for the metrics. `label` is one of a few. */
export type Observe = (name: SecondsName, label: string, seconds: number) => void
export type SecondsName = 'command' | 'ring' | 'jobWait'
