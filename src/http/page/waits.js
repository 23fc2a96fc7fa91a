// PBX requests that wait for a phone to wake, the eldest first, and what did not go well lately.
import { attribute, byId, el, keyedList, text } from './dom.js'
import { clock, count, shortName, span, whole } from './format.js'
import { openTimeline } from './timeline.js'

/** From here a wait is more likely to end without its phone. */
const LATE_PART = 0.7

export function createWaits() {
  const show = keyedList(byId('waits'), {
    idOf: wait => `${wait.callId} ${wait.account} ${wait.pod}`,
    make: makeWait,
    update: updateWait,
  })
  return {
    render({ held, eldest }) {
      show(eldest)
      text(byId('waits-count'), held > 0 ? whole(held) : '')
      const more = byId('waits-more')
      more.hidden = held <= eldest.length
      text(more, `${count(held - eldest.length, 'younger one')} not shown.`)
      byId('waits-empty').hidden = held > 0 || eldest.length > 0
    },
  }
}

function makeWait({ callId }) {
  return el(
    'li',
    {
      class: 'wait',
      tabindex: '-1',
      'data-id': callId,
      on: { 'hookswitch:open': () => openTimeline(callId) },
    },
    el(
      'div',
      {},
      el('button', { type: 'button', class: 'link', on: { click: () => openTimeline(callId) } }, callId),
      el('div', { class: 'soft account' }),
    ),
    el(
      'div',
      {},
      el(
        'div',
        { class: 'age' },
        el('span', { class: 'bar', 'aria-hidden': 'true' }, el('i')),
        el('span', { class: 'span' }),
      ),
      el('div', { class: 'soft pod' }),
    ),
  )
}

function updateWait(element, { account, heldForMs, waitMs, attempts, pod }) {
  text(element.querySelector('.account'), `account ${account}`)
  const part = Math.min(1, heldForMs / waitMs)
  attribute(element.querySelector('.bar'), 'data-late', part > LATE_PART)
  element.querySelector('i').style.transform = `scaleX(${part})`
  text(element.querySelector('.span'), `${span(heldForMs)} of ${span(waitMs)}`)
  text(
    element.querySelector('.pod'),
    `${attempts === 0 ? 'no push yet' : count(attempts, 'push', 'pushes')} · ${shortName(pod)}`,
  )
}

const LATELY_STATE = { wake: 'bad', call: 'bad', takeover: 'warn', switch: 'bad' }
const LATELY_WORD = { wake: 'wake', call: 'call', takeover: 'takeover', switch: 'switch' }

/** A wake's reasons, for people who don't know the header's words. */
const REASONS = {
  'no-device': 'no phone is registered for this account',
  unavailable: 'all phones said no',
  timeout: 'no phone woke in time',
  'push-refused': 'Apple or Google took no push',
  busy: 'the service had no room, or no Redis',
}

export function createLately() {
  const show = keyedList(byId('lately'), {
    idOf: each => `${each.kind} ${each.id} ${each.atMs}`,
    make: makeLately,
    update: () => undefined,
  })
  return {
    render(lately) {
      show(lately)
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
      {},
      el('span', { class: 'state', 'data-state': LATELY_STATE[kind] ?? 'warn' }, LATELY_WORD[kind] ?? kind),
      ' ',
      el('button', { type: 'button', class: 'link', on: { click: () => openTimeline(id) } }, id),
    ),
    el('span', {}, wordsOf(kind, words)),
  )
}

const AGENT_NAMES = /\S+-[0-9a-f]{8}-[0-9a-f]{8}\b/g

function wordsOf(kind, words) {
  if (kind === 'wake' && REASONS[words]) return `${words}: ${REASONS[words]}`
  return kind === 'takeover' ? words.replace(AGENT_NAMES, shortName) : words
}
