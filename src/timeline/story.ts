// Turns a timeline's entries into sentences, when somebody reads them. They are for the person on duty: what
// happened, what it means, where to look. The sentences stand in `wakeStory.ts` and `dialStory.ts`, the one sentence that
// sums all of them up in `summary.ts`.

import { ofDial } from './dialStory.ts'
import type { Entry, KeptEntry } from './entry.ts'
import { isOfWake, type Scene, sceneOf } from './scene.ts'
import { devicesFound, ofWake, whose } from './wakeStory.ts'

/** One line of a timeline. `fields` are the entry's own. */
export interface Told {
  atMs: number
  by: string
  what: string
  text: string
  fields: Record<string, unknown>
}

/** @param entries in order. */
export function tell(entries: readonly KeptEntry[]): Told[] {
  const scene = sceneOf(entries)
  return entries.flatMap(entry => {
    const { atMs, by, n: _, what, ...fields } = entry
    const told: Told = { atMs, by, what, text: sentence(entry, scene), fields }
    if (entry.what !== 'push-sent' || !entry.found) return [told]
    // The first push is kept together with the devices it goes to, and told apart from them.
    const { found: __, ...push } = fields as Partial<typeof entry>
    const text = `${devicesFound(entry)}${whose(entry, scene)}`
    return [
      { ...told, what: 'devices-found', text },
      { ...told, fields: push },
    ]
  })
}

function sentence(entry: Entry, scene: Scene): string {
  if (!isOfWake(entry)) return ofDial(entry, scene)
  const isNamed = 'account' in entry && entry.what !== 'request'
  return `${ofWake(entry)}${isNamed ? whose(entry, scene) : ''}`
}
