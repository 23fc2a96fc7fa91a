// The calls that one agent owns, found by dial id or by channel. Events of the switch name channels; Redis names
// dial ids.
import { type Barger, type Call, type Leg, legsOf, sideChannelsOf } from './call.ts'
import { channelsOf } from './leg.ts'

/** The call that a channel belongs to, and as what: a side or a barger. */
export type Found = { call: Call; leg: Leg } | { call: Call; barger: Barger }

export class CallRegistry {
  readonly #byDialId = new Map<string, Call>()
  readonly #byChannel = new Map<string, Found>()
  readonly #onRemoved = new Map<Call, (() => void)[]>()

  get size(): number {
    return this.#byDialId.size
  }

  all(): Call[] {
    return [...this.#byDialId.values()]
  }

  find(dialId: string): Call | undefined {
    return this.#byDialId.get(dialId)
  }

  findChannel(channelUuid: string): Found | undefined {
    return this.#byChannel.get(channelUuid)
  }

  add(call: Call): void {
    this.#byDialId.set(call.record.dialId, call)
    for (const leg of legsOf(call)) this.addLeg(call, leg)
    // A call that was taken over brings its bargers along.
    for (const barger of call.bargers.values()) this.#byChannel.set(barger.bargeId, { call, barger })
  }

  /** Again, when it is known at how many phones the leg rings. */
  addLeg(call: Call, leg: Leg): void {
    for (const channelUuid of channelsOf(leg)) this.#byChannel.set(channelUuid, { call, leg })
  }

  addBarger(call: Call, barger: Barger): void {
    call.bargers.set(barger.bargeId, barger)
    this.#byChannel.set(barger.bargeId, { call, barger })
  }

  /** Resolves when a call that is in the registry leaves it. */
  removed(call: Call): Promise<void> {
    return new Promise(resolve => {
      this.#onRemoved.set(call, [...(this.#onRemoved.get(call) ?? []), resolve])
    })
  }

  remove(call: Call): void {
    if (this.#byDialId.get(call.record.dialId) !== call) return
    for (const resolve of this.#onRemoved.get(call) ?? []) resolve()
    this.#onRemoved.delete(call)
    this.#byDialId.delete(call.record.dialId)
    for (const channelUuid of sideChannelsOf(call)) this.#byChannel.delete(channelUuid)
    for (const bargeId of call.bargers.keys()) this.#byChannel.delete(bargeId)
  }
}
