// Everything known of one call, wake or account, in a drawer beside the rest. Which one is open stands in the page's
// address, so that it can be sent to a colleague, and the way back closes it. While it is open it is asked for again,
// because a living call goes on.
import { NO_ANSWER, request } from './connection.js'
import { attribute, byId, el, text } from './dom.js'
import { duration, fineClock, span } from './format.js'

const PREFIX = '#timeline='
const REFRESH_MS = 2_000
/** The service keeps timelines for so long. */
const KEPT_HOURS = 24

export const openTimeline = id => {
  location.hash = PREFIX + encodeURIComponent(id)
}

export function closeTimeline() {
  if (!location.hash.startsWith(PREFIX)) return
  history.pushState(null, '', location.pathname)
  window.dispatchEvent(new Event('hashchange'))
}

export const isTimelineOpen = () => !byId('drawer').hidden

/** Follows the page's address from now on. */
export function startTimeline() {
  const drawer = byId('drawer')
  let id
  let shown = ''
  let timer
  let opener

  async function look() {
    clearTimeout(timer)
    const asked = id
    const answer = await request(`/api/timeline/${encodeURIComponent(asked)}`)
    if (asked !== id) return
    // An unchanged timeline is not drawn again: its place and its selection stay. Its summary says how long it has lasted.
    const json = JSON.stringify({ ...answer, body: { ...answer.body, summary: '' } })
    if (json !== shown) render(asked, answer)
    else if (typeof answer.body.summary === 'string') text(byId('drawer-summary'), answer.body.summary)
    shown = json
    timer = setTimeout(look, REFRESH_MS)
  }

  function follow() {
    clearTimeout(timer)
    const wanted = idOf(location.hash)
    if (wanted === id) return
    const wasOpen = id !== undefined
    id = wanted
    shown = ''
    drawer.hidden = id === undefined
    if (id === undefined) {
      // A link to another place of the page has moved the focus there.
      if (location.hash === '') opener?.focus({ preventScroll: true })
      return
    }
    if (!wasOpen) opener = document.activeElement
    text(byId('drawer-title'), id)
    text(byId('drawer-summary'), 'Looking …')
    byId('drawer-entries').replaceChildren()
    byId('drawer-title').focus()
    void look()
  }

  window.addEventListener('hashchange', follow)
  byId('drawer-close').addEventListener('click', closeTimeline)
  follow()
  return {
    /** To be called after a login, and when the connection is back. */
    again: () => id !== undefined && void look(),
  }
}

function idOf(hash) {
  if (!hash.startsWith(PREFIX)) return undefined
  try {
    return decodeURIComponent(hash.slice(PREFIX.length)) || undefined
  } catch {
    // The address was cut off within a character.
    return undefined
  }
}

function render(id, { status, body }) {
  const entries = byId('drawer-entries')
  if (status !== 200) {
    text(byId('drawer-summary'), wordsFor(status, body))
    entries.replaceChildren()
    return
  }
  if (Array.isArray(body.calls)) {
    text(byId('drawer-title'), `Account ${id}`)
    text(
      byId('drawer-summary'),
      body.calls.length === 0
        ? `Nothing of this account in the last ${KEPT_HOURS} hours.`
        : `What is known of this account, the newest first, for ${KEPT_HOURS} hours.`,
    )
    entries.replaceChildren(...body.calls.map(accountCall))
    return
  }
  text(byId('drawer-title'), id)
  text(byId('drawer-summary'), body.summary ?? '')
  const firstMs = timeOf(body.entries[0]?.at ?? 0)
  const items = body.entries.map((entry, index) =>
    entryItem(entry, { firstMs, before: body.entries[index - 1] }),
  )
  if (body.left_out > 0)
    items.push(
      el(
        'li',
        {},
        el('span'),
        el('span', { class: 'text soft' }, `${body.left_out} further entries were left out.`),
      ),
    )
  entries.replaceChildren(...items)
}

function wordsFor(status, body) {
  if (status === 404)
    return `Nothing is known of it: no call, wake or account of this id in the last ${KEPT_HOURS} hours.`
  if (status === NO_ANSWER) return 'The service was not reached. Trying again.'
  return typeof body.detail === 'string' ? body.detail : `The service answered ${status}.`
}

function entryItem(entry, { firstMs, before }) {
  const { at, by, text: words } = entry
  const atMs = timeOf(at)
  const item = el(
    'li',
    {},
    el(
      'time',
      { datetime: new Date(atMs).toISOString() },
      fineClock(atMs),
      el('span', { class: 'after' }, atMs === firstMs ? '' : `+ ${after(atMs - firstMs)}`),
    ),
    el(
      'div',
      { class: 'text' },
      String(words),
      by === before?.by ? undefined : el('span', { class: 'by' }, String(by)),
    ),
  )
  attribute(item, 'data-level', levelOf(entry))
  return item
}

const GOOD = new Set(['bridge'])
const BAD = new Set([
  'failure',
  'dead-letter',
  'job-refused',
  'request-refused',
  'switch-lost',
  'device-forgotten',
])

/** The colour of an entry's dot; the entry's words say the same. */
function levelOf({ what, status, state, outcome, cause }) {
  const isOddEnd = what === 'hangup' && cause !== 'NORMAL_CLEARING'
  if (BAD.has(what) || isOddEnd || status === 'NAK' || outcome === 'refused') return 'bad'
  if (GOOD.has(what) || status === 'ACK' || (what === 'leg' && state === 'answered')) return 'good'
  return undefined
}

function accountCall({ id, at, summary }) {
  return el(
    'li',
    {},
    el('time', {}, fineClock(timeOf(at))),
    el(
      'div',
      { class: 'text' },
      el('button', { type: 'button', class: 'link', on: { click: () => openTimeline(id) } }, id),
      el('span', { class: 'by' }, String(summary ?? '')),
    ),
  )
}

/** How long, to the second, also for a long call. */
const after = ms => (ms < 60_000 ? span(ms) : duration(ms))

/** Milliseconds of a time that the wire gives in seconds. */
const timeOf = at => Math.round(at * 1000)
