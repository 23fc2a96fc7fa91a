// Who was in trouble when: the faults as they really began and ended, by the clock that everything is judged by. A
// message to somebody who was dead, asleep or cut off then is judged differently.

export interface Incident {
  /** A process by its name (`agent-1#2`), `redis`, or a switch (`switch-0`). */
  who: string
  what: string
  fromMs: number
  /** Infinity while it lasts, and for the dead. */
  untilMs: number
  /** How much longer it takes until everybody has reconnected. */
  afterMs: number
}

/** Everybody's: its troubles count for all. */
export const MACHINE = 'machine'

/** ioredis comes back within a second of backoff, and then subscribes again. */
export const RECONNECT_MS = 2_000

export interface Troubles {
  readonly all: readonly Incident[]
  begin(trouble: Omit<Incident, 'untilMs'>): Incident
  end(trouble: Incident): void
  /** Those of any of these that touch the time between; with what comes after them. */
  between(who: readonly string[], fromMs: number, untilMs: number): Incident[]
}

export function createTroubles(): Troubles {
  const all: Incident[] = []
  return {
    all,
    begin(trouble) {
      const begun = { ...trouble, untilMs: Number.POSITIVE_INFINITY }
      all.push(begun)
      return begun
    },
    end(trouble) {
      trouble.untilMs = Date.now()
    },
    between: (who, fromMs, untilMs) =>
      all.filter(
        each =>
          (each.who === MACHINE || who.includes(each.who)) &&
          each.fromMs <= untilMs &&
          each.untilMs + each.afterMs >= fromMs,
      ),
  }
}
