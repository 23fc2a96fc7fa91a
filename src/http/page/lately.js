// What did not go well lately: wakes without a phone, calls that were not made, takeovers. The newest first, and the rest
// folded, because it stands before the calls.
import { byId, el, keyedList, text } from './dom.js'
import { foldedList } from './folded.js'
import { clock, shortName, whole } from './format.js'
import { openTimeline } from './timeline.js'
import { hrefOf } from './verdict.js'

const ROOM = { wide: 5, narrow: 3 }

const STATE = { wake: 'bad', call: 'bad', takeover: 'warn', switch: 'bad' }

/** A wake's reasons, for people who don't know the header's words. */
const REASONS = {
  'no-device': 'no phone is registered for this account',
  timeout: 'no phone woke in time',
  'push-refused': 'Apple or Google took no push',
  busy: 'the service had no room, or no Redis',
}

export function createLately() {
  let last = []
  const rows = keyedList(byId('lately'), {
    idOf: each => `${each.kind} ${each.id} ${each.atMs}`,
    make: makeLately,
    update: () => undefined,
  })
  const show = foldedList('lately', ROOM, rows, () => show(last))
  return {
    render(lately) {
      last = lately
      show(lately)
      text(byId('lately-count'), lately.length > 0 ? whole(lately.length) : '')
      byId('lately-empty').hidden = lately.length > 0
    },
  }
}

function makeLately({ kind, id, atMs, text: words }) {
  return el(
    'li',
    { class: 'happened', tabindex: '-1', 'data-id': id, on: { 'hookswitch:open': () => openTimeline(id) } },
    el('time', { class: 'soft', datetime: new Date(atMs).toISOString() }, clock(atMs)),
    el(
      'span',
      { class: 'what' },
      el('span', { class: 'state', 'data-state': STATE[kind] ?? 'warn' }, kind),
      ' ',
      // A switch has no timeline; its row tells how it stands.
      kind === 'switch'
        ? el('a', { class: 'link', href: hrefOf(`switch:${id}`) }, id)
        : el('button', { type: 'button', class: 'link', on: { click: () => openTimeline(id) } }, id),
    ),
    el('span', { class: 'why' }, wordsOf(kind, words)),
  )
}

const AGENT_NAMES = /\S+-[0-9a-f]{8}-[0-9a-f]{8}\b/g

function wordsOf(kind, words) {
  if (kind === 'wake' && REASONS[words]) return `${words}: ${REASONS[words]}`
  return kind === 'takeover' ? words.replace(AGENT_NAMES, shortName) : words
}
