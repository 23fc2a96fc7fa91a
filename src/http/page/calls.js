// The living calls: what is wrong with one first, then those that last longest, the rest folded; each with its legs in
// one line, how it stands in one sentence, and the buttons that steer it. Rows stay in their place while what they tell
// changes, so that a button does not move away under a finger.
import { bargersPart } from './bargers.js'
import { isInTrouble, sentenceOf, statesOf } from './callWords.js'
import { bargeIn, hangUp } from './commands.js'
import { attribute, byId, el, keyedList, text } from './dom.js'
import { filterOf, foldedList } from './folded.js'
import { count, shortName, whole } from './format.js'
import { openTimeline } from './timeline.js'

/** For so long a row shows that its call has a new owner. */
const MOVED_SHOWN_MS = 60_000

/** Rows that are shown before the fold. */
const ROOM = { wide: 12, narrow: 6 }

const WORDS = {
  waking: 'being woken',
  expected: 'not rung yet',
  ringing: 'ringing',
  answered: 'answered',
  hungup: 'hung up',
}

export function createCalls() {
  /** The last known owner of each call, and since when its row shows a new one. */
  const owners = new Map()
  let last
  const draw = () => last && drawCalls(last)
  const filter = filterOf('calls', { most: ROOM.narrow, noun: 'call', onChange: draw })
  const rows = keyedList(byId('calls'), {
    idOf: call => call.dialId,
    make: call => makeRow(call, filter.apply),
    update: updateRow,
  })
  const show = foldedList('calls', ROOM, rows, draw)

  function drawCalls({ calls, total, nowMs }) {
    const items = [...calls.values()]
      .filter(call => filter.matches(wordsOf(call), statesOf(call)))
      .sort(
        (a, b) =>
          isInTrouble(b) - isInTrouble(a) ||
          (a.sinceMs ?? 0) - (b.sinceMs ?? 0) ||
          (a.dialId < b.dialId ? -1 : 1),
      )
    show(items.map(call => ({ ...call, moved: movedOf(owners.get(call.dialId), nowMs), nowMs })))
    filter.show(calls.size, items.length)
    text(byId('calls-count'), total > 0 ? whole(total) : '')
    const more = byId('calls-more')
    more.hidden = total <= calls.size
    text(more, `${count(total - calls.size, 'more call')} not looked through: find one by its dial id.`)
    byId('calls-empty').hidden = total > 0
    byId('calls-none').hidden = total === 0 || items.length > 0
  }

  return {
    /** @param calls by dial id; @param total how many there are, shown or not. */
    render(calls, total, nowMs) {
      for (const dialId of owners.keys()) if (!calls.has(dialId)) owners.delete(dialId)
      for (const call of calls.values()) noteOwner(owners, call, nowMs)
      last = { calls, total, nowMs }
      draw()
    },
  }
}

/** The texts in which the filter's words are looked for. */
const wordsOf = ({ dialId, orgId, userId, owner, switchName, legs, bargers }) => [
  dialId,
  orgId,
  userId,
  owner,
  switchName,
  ...legs.map(leg => leg.number),
  ...bargers.map(barger => barger.phone),
]

function noteOwner(owners, { dialId, owner, isOwnerAlive }, nowMs) {
  const known = owners.get(dialId)
  if (!known) owners.set(dialId, { owner })
  else if (known.owner !== owner)
    owners.set(dialId, { owner, from: known.owner, wasDead: known.isDead, atMs: nowMs })
  owners.get(dialId).isDead = !isOwnerAlive
}

const movedOf = ({ from, atMs }, nowMs) =>
  from !== undefined && nowMs - atMs < MOVED_SHOWN_MS ? `taken over from ${shortName(from)}` : ''

/** The row's parts, so that an update needs no searching. */
const parts = new WeakMap()

function makeRow(first, filterBy) {
  // `current` always holds the newest call: the buttons stay while the call changes.
  const current = { call: first }
  const { dialId, orgId, userId } = first
  const part = (name, tag = 'div') => el(tag, { class: name })
  // Not reached by Tab: the filter's field does the same, and a row has enough stops already.
  const filterButton = word =>
    el(
      'button',
      {
        type: 'button',
        tabindex: '-1',
        class: 'link soft',
        title: `Show calls with ${word} alone`,
        on: { click: () => filterBy(word) },
      },
      word,
    )
  const command = (act, name, style, run) =>
    el(
      'button',
      {
        type: 'button',
        class: style,
        'data-act': act,
        'aria-label': `${name} ${dialId}`,
        on: { click: () => run(current.call) },
      },
      name.replace(' on', ''),
    )
  const [legs, sentence, owner, bargers] = [
    part('legs'),
    part('sentence'),
    part('owner soft'),
    part('bargers'),
  ]
  const row = el(
    'li',
    { class: 'call', id: `call:${dialId}`, tabindex: '-1', 'data-id': dialId },
    el(
      'div',
      { class: 'who' },
      el('button', { type: 'button', class: 'link', on: { click: () => openTimeline(dialId) } }, dialId),
      el('div', { class: 'soft' }, filterButton(orgId), ' / ', filterButton(userId)),
    ),
    el('div', { class: 'how' }, legs, sentence, owner),
    el(
      'div',
      { class: 'actions' },
      command('barge', 'Barge in on', undefined, bargeIn),
      command('hangup', 'Hang up', 'danger', hangUp),
    ),
    bargers,
  )
  row.addEventListener('hookswitch:open', () => openTimeline(dialId))
  row.addEventListener('hookswitch:barge', () => bargeIn(current.call))
  row.addEventListener('hookswitch:hangup', () => hangUp(current.call))
  parts.set(row, {
    current,
    sentence,
    owner,
    showLegs: keyedList(legs, { idOf: leg => leg.side, make: makeLeg, update: updateLeg }),
    showBargers: bargersPart(bargers, current),
  })
  return row
}

function updateRow(row, call) {
  const { current, sentence, owner, showLegs, showBargers } = parts.get(row)
  current.call = call
  showLegs(call.legs.map((leg, index) => ({ ...leg, role: roleOf(call, leg, index), isFirst: index === 0 })))
  text(sentence, sentenceOf(call, call.nowMs))
  const name = shortName(call.owner)
  const isMoved = call.moved !== ''
  attribute(owner, 'data-state', call.isOwnerAlive ? (isMoved ? 'moved' : 'alive') : 'dead')
  text(
    owner,
    call.isOwnerAlive
      ? `${name} at ${call.switchName}${isMoved ? ` · ${call.moved}` : ''}`
      : `✕ ${name} died; another agent of ${call.switchName} must take over`,
  )
  attribute(owner, 'title', call.owner)
  showBargers(call.bargers, call.nowMs)
}

function roleOf(call, leg, index) {
  if (call.kind === 'asp-call') return index === 0 ? 'caller' : 'callee'
  return call.kind === 'bot-call' ? 'phone' : `side ${leg.side}`
}

function makeLeg({ isFirst }) {
  return el(
    'span',
    { class: 'leg' },
    isFirst ? undefined : el('span', { class: 'arrow', 'aria-hidden': 'true' }, '→'),
    el('span', { class: 'role soft' }),
    el('span', { class: 'number' }),
    el('span', { class: 'state' }),
  )
}

function updateLeg(element, { role, number, state: legState, wake }) {
  const state = wake ? 'waking' : legState
  text(element.querySelector('.role'), role)
  text(element.querySelector('.number'), number)
  const shown = element.querySelector('.state')
  attribute(shown, 'data-state', state)
  attribute(shown, 'title', WORDS[state] ?? state)
  attribute(shown, 'aria-label', WORDS[state] ?? state)
  attribute(shown, 'role', 'img')
}
