// Who may have how many commands at a switch without a reply. FreeSWITCH takes a connection's commands one after the other,
// so whatever asks much makes everything else wait: a takeover of hundreds of calls looks a thousand channels up while
// people order and jobs are dialled. Lookups beyond their share wait here, in order; originates beyond theirs are refused,
// because their job can wait in its list; orders have what is left of the whole.

/** By a command's first word. */
export type CommandKind = 'lookup' | 'originate' | 'order'

const LOOKUPS = new Set(['uuid_dump', 'uuid_exists', 'show', 'status'])

export function kindOf(word: string): CommandKind {
  if (word === 'originate') return 'originate'
  return LOOKUPS.has(word) ? 'lookup' : 'order'
}

export interface ShareLimits {
  /** Lookups without a reply. So few keep a switch as busy as more would, and an order waits for no more than these. */
  lookupsMax: number
  /** Lookups that wait here for their turn. */
  lookupsQueuedMax: number
  /** Originates whose reply, not whose result, has not come. */
  originatesMax: number
}

export class CommandShares {
  readonly #limits: ShareLimits
  readonly #unanswered: Record<CommandKind, number> = { lookup: 0, originate: 0, order: 0 }
  #queue: ((answered: () => void) => void)[] = []
  #isSending = false

  constructor(limits: ShareLimits) {
    this.#limits = limits
  }

  /** Another originate would be refused. */
  get isFullOfOriginates(): boolean {
    return this.#unanswered.originate >= this.#limits.originatesMax
  }

  /** Has a command sent when it is its turn. @param send calls `answered` once, when there is a reply or will be none.
   *  @returns false when nothing is sent: its kind has all that it may have. */
  give(kind: CommandKind, send: (answered: () => void) => void): boolean {
    if (kind === 'originate' && this.isFullOfOriginates) return false
    if (kind === 'lookup') {
      if (this.#queue.length >= this.#limits.lookupsQueuedMax) return false
      this.#queue.push(send)
      this.#sendLookups()
    } else this.#send(kind, send)
    return true
  }

  #send(kind: CommandKind, send: (answered: () => void) => void): void {
    this.#unanswered[kind] += 1
    send(() => {
      this.#unanswered[kind] -= 1
      if (kind === 'lookup') this.#sendLookups()
    })
  }

  /** In a loop, not each from the one before: on a connection that ends all are answered at once. */
  #sendLookups(): void {
    if (this.#isSending) return
    this.#isSending = true
    let sent = 0
    try {
      while (sent < this.#queue.length && this.#unanswered.lookup < this.#limits.lookupsMax)
        this.#send('lookup', this.#queue[sent++]!)
    } finally {
      this.#queue = this.#queue.slice(sent)
      this.#isSending = false
    }
  }
}
