// How the wakes and the legs of the last hour ended, as shares, the most frequent first.
import { byId, el } from './dom.js'
import { whole } from './format.js'

/** So many kinds are shown by name; all others are summed up. */
const SHOWN_MAX = 6

/** Ends that a person wanted: nobody has to look into them. */
const FINE = new Set([
  'confirmed',
  'caller-gone',
  'unavailable',
  'NORMAL_CLEARING',
  'ORIGINATOR_CANCEL',
  'LOSE_RACE',
  'PICKED_OFF',
])

/** A wake's reasons, for people. */
const MEANINGS = {
  confirmed: 'the phone woke',
  'caller-gone': 'the caller hung up first',
  unavailable: 'the person said no',
  timeout: 'no phone woke in time',
  'no-device': 'no phone is registered for the account',
  'push-refused': 'Apple or Google took no push',
  busy: 'no room, or no Redis',
}

export function createOutcomes() {
  const box = byId('outcomes')
  let shown = ''
  return {
    render({ wakes, hangups }) {
      const words = JSON.stringify([wakes, hangups])
      if (words === shown) return
      shown = words
      box.replaceChildren(...sharesOf('Wakes', wakes), ...sharesOf('Legs of calls', hangups))
      if (box.childElementCount === 0)
        box.append(el('p', { class: 'soft' }, 'No wake and no call ended in the last hour.'))
    },
  }
}

function sharesOf(title, counts) {
  const all = Object.entries(counts).sort(([, a], [, b]) => b - a)
  if (all.length === 0) return []
  const total = all.reduce((sum, [, times]) => sum + times, 0)
  const rest = all.slice(SHOWN_MAX).reduce((sum, [, times]) => sum + times, 0)
  const rows = [...all.slice(0, SHOWN_MAX), ...(rest > 0 ? [['others', rest]] : [])]
  return [
    el(
      'div',
      {},
      el('h3', {}, title),
      el(
        'ul',
        { class: 'shares' },
        rows.map(([name, times]) => shareRow(name, times, total)),
      ),
    ),
  ]
}

function shareRow(name, times, total) {
  const fill = el('i')
  fill.style.transform = `scaleX(${times / total})`
  return el(
    'li',
    {},
    el('span', { class: 'name', title: MEANINGS[name] ?? name }, name),
    el('span', { class: 'bar', 'aria-hidden': 'true', 'data-kind': FINE.has(name) ? 'fine' : 'bad' }, fill),
    el('span', { class: 'number' }, whole(times)),
  )
}
