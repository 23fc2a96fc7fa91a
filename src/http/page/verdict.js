// The line above everything else: what is wrong, the worst first, each with since when and with links to what it is
// about; or that all is well. The service judges; here its words become elements.
import { attribute, byId, el, keyedList, text } from './dom.js'
import { clock, count, dayAndClock, shortName } from './format.js'

/** So many troubles are shown; the others, which are less bad, are folded away. */
const SHOWN_MAX = 4

const DAY_MS = 24 * 60 * 60_000

/** The level of a trouble, for the tiles and the lamp. */
export const LEVELS = ['good', 'note', 'warn', 'bad']

export function createVerdict() {
  const show = keyedList(byId('trouble-list'), { idOf: each => each.id, make: makeItem, update: updateItem })
  const more = byId('trouble-more')
  let isWhole = false
  let last
  more.addEventListener('click', () => {
    isWhole = !isWhole
    draw()
  })

  function draw() {
    const { level, troubles, well, nowMs } = last
    attribute(byId('trouble'), 'data-level', level)
    const isWell = level === 'good' || level === 'note'
    const items = [
      ...(isWell && well.length > 0 ? [{ id: 'well', words: well, level: 'good' }] : []),
      ...troubles.slice(0, isWhole ? undefined : SHOWN_MAX),
    ]
    show(items.map(item => ({ ...item, nowMs })))
    const hidden = troubles.length - SHOWN_MAX
    more.hidden = hidden <= 0
    text(more, isWhole ? 'Show fewer' : `and ${hidden} more`)
    say(level, troubles)
  }

  return {
    /** @param verdict as the service made it. */
    render(verdict, nowMs) {
      last = { ...verdict, nowMs }
      draw()
    },
  }
}

/** For people who hear the page: it speaks when a trouble begins or ends, not each second. */
function say(level, troubles) {
  const said = byId('trouble-said')
  const ids = troubles.map(each => each.id).join('\n')
  if (said.dataset.ids === ids) return
  said.dataset.ids = ids
  const [worst] = troubles
  text(
    said,
    level === 'good'
      ? 'All well.'
      : `${count(troubles.length, level === 'note' ? 'note' : 'trouble')}: ${worst.words.map(wordsOf).join('')}`,
  )
}

const wordsOf = part => (typeof part === 'string' ? part : part.isName ? shortName(part.text) : part.text)

/** Words change each second (“waits 6 s”), and a link that is being pressed must not be replaced under the finger: where
 *  the sentence has the parts that it had, their texts alone are changed. */
function updateItem(item, { words, level, sinceMs, isSeen, nowMs }) {
  attribute(item, 'data-level', level)
  const [sentence, since] = item.children
  const form = words.map(part => (typeof part === 'string' ? 't' : 'a')).join('')
  if (sentence.dataset.form !== form)
    sentence.replaceChildren(...words.map(part => el(typeof part === 'string' ? 'span' : 'a')))
  sentence.dataset.form = form
  for (const [index, part] of words.entries()) {
    const element = sentence.children[index]
    text(element, wordsOf(part))
    if (typeof part !== 'string') attribute(element, 'href', hrefOf(part.about))
  }
  since.hidden = sinceMs === undefined
  if (sinceMs === undefined) return
  attribute(since, 'datetime', new Date(sinceMs).toISOString())
  attribute(since, 'title', new Date(sinceMs).toString())
  const when = nowMs - sinceMs < DAY_MS ? clock(sinceMs).slice(0, 5) : dayAndClock(sinceMs)
  text(since, `${isSeen ? 'seen since' : 'since'} ${when}`)
}

const makeItem = () => el('li', {}, el('span'), ' ', el('time', { class: 'since' }))

/** A timeline, a row or a panel's title, as an address within the page. */
export function hrefOf(about) {
  const id = about.includes(':') ? encodeURIComponent(about) : `${about}-title`
  return about.startsWith('timeline=')
    ? `#timeline=${encodeURIComponent(about.slice('timeline='.length))}`
    : `#${id}`
}
