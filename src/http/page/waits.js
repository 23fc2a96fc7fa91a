// Requests of PBXs and of jobs that wait for a phone to wake: those that are nearly over first, because there somebody may still help,
// with who calls, which phones are pushed, and what Apple or Google said to it.
import { attribute, byId, el, keyedList, text } from './dom.js'
import { filterOf, foldedList } from './folded.js'
import { count, shortName, span, whole } from './format.js'
import { openTimeline } from './timeline.js'
import { hrefOf } from './verdict.js'

/** A wait that has used this share of its time more often ends without its phone. */
const LATE_PART = 0.7

const ROOM = { wide: 8, narrow: 4 }

export function createWaits() {
  let last
  const draw = () => last && drawWaits(last)
  const filter = filterOf('waits', { most: ROOM.narrow, noun: 'wake', onChange: draw })
  const rows = keyedList(byId('waits'), {
    idOf: wait => `${wait.callId} ${wait.account} ${wait.pod}`,
    make: makeWait,
    update: updateWait,
  })
  const show = foldedList('waits', ROOM, rows, draw)

  function drawWaits({ held, eldest }) {
    const items = eldest.filter(wait =>
      filter.matches([wait.callId, wait.account, wait.caller, wait.pod], statesOf(wait)),
    )
    show(items)
    filter.show(eldest.length, items.length)
    text(byId('waits-count'), held > 0 ? whole(held) : '')
    const more = byId('waits-more')
    more.hidden = held <= eldest.length
    text(more, `${count(held - eldest.length, 'younger one')} not looked through.`)
    byId('waits-empty').hidden = held > 0 || eldest.length > 0
    byId('waits-none').hidden = eldest.length === 0 || items.length > 0
  }

  return {
    render(waits) {
      last = waits
      draw()
    },
  }
}

const isLate = ({ heldForMs, waitMs }) => heldForMs / waitMs > LATE_PART

const isRefused = ({ answer = '', attempts }) => attempts > 0 && answer !== '' && answer !== 'accepted'

const statesOf = wait => [
  ...(isLate(wait) ? ['late'] : []),
  ...(isRefused(wait) ? ['refused'] : []),
  ...(wait.attempts === 0 ? ['unpushed'] : []),
  ...(wait.isJob ? ['job'] : []),
]

function makeWait({ callId, isJob }) {
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
      { class: 'who' },
      el('button', { type: 'button', class: 'link', on: { click: () => openTimeline(callId) } }, callId),
      el('div', { class: 'account' }),
      // The call id of such a wake is the dial id of the call that waits for it.
      isJob
        ? el(
            'div',
            { class: 'soft' },
            'asked for by a job: ',
            el('a', { class: 'link', href: hrefOf(`call:${callId}`) }, 'its call'),
          )
        : undefined,
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
      el('div', { class: 'push' }),
    ),
  )
}

function updateWait(element, wait) {
  const { account, caller = '', heldForMs, waitMs, pod } = wait
  text(
    element.querySelector('.account'),
    caller === '' ? `account ${account}` : `${caller} calls account ${account}`,
  )
  const part = Math.min(1, heldForMs / waitMs)
  attribute(element.querySelector('.bar'), 'data-late', isLate(wait))
  element.querySelector('i').style.transform = `scaleX(${part})`
  text(element.querySelector('.span'), `${span(heldForMs)} of ${span(waitMs)}`)
  const push = element.querySelector('.push')
  attribute(push, 'data-level', isRefused(wait) ? 'bad' : undefined)
  attribute(push, 'title', `at ${shortName(pod)}`)
  text(push, pushWords(wait))
}

const tenths = ms => `${(ms / 1000).toFixed(1)}\u00a0s`

const PHONES = { apns: 'iPhone', android: 'Android', gcm: 'Android' }
const ANSWERS = { '': 'no answer yet', accepted: 'accepted', 'token-gone': 'the phone is gone' }

/** `iPhone, push 2: accepted, usually answers within 0.9 s`. */
function pushWords({ attempts, platforms = [], answer = '', usualMs }) {
  if (attempts === 0) return 'no push yet'
  const phones = [...new Set(platforms.map(each => PHONES[each] ?? each))].join(' and ')
  return `${phones === '' ? '' : `${phones}, `}push ${attempts}: ${ANSWERS[answer] ?? answer}${usualMs === undefined ? '' : `, usually answers within ${tenths(usualMs)}`}`
}
