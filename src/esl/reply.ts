// A reply of the switch as modesl's dispatch and its callbacks read it: under the names of modesl's own Event, out of a
// frame of ours, and only what is asked for. Events do not come through here.
import type { ModeslFrame } from 'modesl'
import { channelDataOf, type SwitchEvent } from './event.ts'
import { type EslFrame, headLine } from './frames.ts'
import { textOf } from './text.ts'

export class ReplyFrame implements ModeslFrame {
  readonly #frame: EslFrame
  /** What the answer to `connect` tells of its channel; undefined in every other reply. */
  readonly channel: SwitchEvent | undefined

  constructor(frame: EslFrame) {
    this.#frame = frame
    this.channel = channelDataOf(frame.head)
  }

  getHeader(name: string): string | null {
    return (this.channel ? this.channel.header(name) : headLine(this.#frame.head, name)) ?? null
  }

  getBody(): string {
    return textOf(this.#frame.body)
  }
}
