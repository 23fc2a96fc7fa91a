// Short notes at the page's edge: what came of a command. They go by themselves; failures stay longer, and both can be
// sent away.
import { byId, el, text } from './dom.js'

const GOOD_STAYS_MS = 5_000
const BAD_STAYS_MS = 20_000

/** So many notes are shown; the oldest is removed for a new one. */
const NOTES_MAX = 4

/** Shows one. @param level `good`, `bad`, or `wait` until it becomes one of them. */
export function note(level, words) {
  const list = byId('notices')
  const said = el('span')
  const element = el('p', { class: 'notice' }, said)
  element.append(
    el('button', { type: 'button', 'aria-label': 'Dismiss', on: { click: () => element.remove() } }, '×'),
  )
  let timer
  const become = (newLevel, newWords) => {
    clearTimeout(timer)
    element.dataset.level = newLevel
    text(said, newWords)
    if (newLevel !== 'wait')
      timer = setTimeout(() => element.remove(), newLevel === 'good' ? GOOD_STAYS_MS : BAD_STAYS_MS)
  }
  become(level, words)
  list.append(element)
  while (list.children.length > NOTES_MAX) list.firstElementChild.remove()
  return { become }
}
