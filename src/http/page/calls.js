// The living calls: their legs, bargers and owners, and the buttons that steer them. Rows stay in their place while
// what they tell changes, so that a button does not move away under a finger.
import { bargeIn, dropBarger, hangUp, MODES, setMode } from './commands.js'
import { attribute, byId, el, keyedList, text } from './dom.js'
import { count, duration, shortName, whole } from './format.js'
import { openTimeline } from './timeline.js'

/** How long a row tells that its call has a new owner. */
const MOVED_SHOWN_MS = 60_000

const WORDS = { expected: 'not rung yet', ringing: 'ringing', answered: 'answered', hungup: 'hung up' }

const KIND = { 'asp-call': 'call', 'bot-call': 'bot call', 'load-test': 'load test' }

export function createCalls() {
  /** Owners as they were last seen, and since when a row tells of a new one. */
  const owners = new Map()
  const show = keyedList(byId('calls'), { idOf: call => call.dialId, make: makeRow, update: updateRow })

  return {
    /** @param calls by dial id; @param total how many there are, shown or not. */
    render(calls, total, nowMs) {
      for (const dialId of owners.keys()) if (!calls.has(dialId)) owners.delete(dialId)
      for (const call of calls.values()) noteOwner(owners, call, nowMs)
      const items = [...calls.values()].sort(
        (a, b) => (a.sinceMs ?? 0) - (b.sinceMs ?? 0) || (a.dialId < b.dialId ? -1 : 1),
      )
      show(items.map(call => ({ ...call, moved: movedOf(owners.get(call.dialId), nowMs), nowMs })))
      text(byId('calls-count'), total > 0 ? whole(total) : '')
      const more = byId('calls-more')
      more.hidden = total <= calls.size
      text(more, `${count(total - calls.size, 'more call')}: find one by its dial id.`)
      byId('calls-empty').hidden = total > 0
    },
  }
}

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

function makeRow(first) {
  // Always the newest: the buttons live longer than what they were made for.
  const current = { call: first }
  const id = el(
    'button',
    { type: 'button', class: 'link', on: { click: () => openTimeline(current.call.dialId) } },
    first.dialId,
  )
  const kind = el('div', { class: 'soft' })
  const legs = el('div', { class: 'legs' })
  const owner = el('div', { class: 'owner' })
  const ownerName = el('span')
  const moved = el('span', { class: 'moved' })
  const time = el('span')
  owner.append(time, ownerName, moved)
  const bargers = el('div', { class: 'bargers' })
  const actions = el(
    'div',
    { class: 'actions' },
    el(
      'button',
      {
        type: 'button',
        'data-act': 'barge',
        'aria-label': `Barge in on ${first.dialId}`,
        on: { click: () => bargeIn(current.call) },
      },
      'Barge in',
    ),
    el(
      'button',
      {
        type: 'button',
        class: 'danger',
        'data-act': 'hangup',
        'aria-label': `Hang up ${first.dialId}`,
        on: { click: () => hangUp(current.call) },
      },
      'Hang up',
    ),
  )
  const row = el(
    'li',
    { class: 'call', tabindex: '-1', 'data-id': first.dialId },
    el('div', { class: 'who' }, id, kind),
    el('div', {}, legs, owner),
    actions,
    bargers,
  )
  const showLegs = keyedList(legs, { idOf: leg => leg.side, make: makeLeg, update: updateLeg })
  const showBargers = keyedList(bargers, {
    idOf: barger => barger.bargeId,
    make: barger => makeBarger(barger, current),
    update: updateBarger,
  })
  row.addEventListener('hookswitch:open', () => openTimeline(current.call.dialId))
  row.addEventListener('hookswitch:barge', () => bargeIn(current.call))
  row.addEventListener('hookswitch:hangup', () => hangUp(current.call))
  parts.set(row, { current, kind, owner, ownerName, moved, time, showLegs, showBargers })
  return row
}

function updateRow(row, call) {
  const { current, kind, owner, ownerName, moved, time, showLegs, showBargers } = parts.get(row)
  current.call = call
  text(kind, `${KIND[call.kind] ?? call.kind} · ${call.orgId} / ${call.userId}`)
  showLegs(call.legs.map((leg, index) => ({ ...leg, role: roleOf(call, leg, index), isFirst: index === 0 })))
  text(time, call.sinceMs === null ? '' : duration(call.nowMs - call.sinceMs))
  attribute(owner, 'data-state', call.isOwnerAlive ? 'alive' : 'dead')
  const name = shortName(call.owner)
  text(
    ownerName,
    call.isOwnerAlive
      ? `${name} at ${call.switchName}`
      : `✕ ${name} died; another agent of ${call.switchName} must take over`,
  )
  attribute(ownerName, 'title', call.owner)
  text(moved, call.moved)
  showBargers(call.bargers)
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

function updateLeg(element, { role, number, state }) {
  text(element.querySelector('.role'), role)
  text(element.querySelector('.number'), number)
  const shown = element.querySelector('.state')
  attribute(shown, 'data-state', state)
  text(shown, WORDS[state] ?? state)
}

const BARGER_WORDS = { expected: 'being rung', ringing: 'ringing', answered: 'in the call' }

function makeBarger({ bargeId }, current) {
  const modes = el(
    'span',
    { class: 'modes', role: 'group', 'aria-label': 'Who hears the barger' },
    MODES.map(each =>
      el(
        'button',
        { type: 'button', 'data-mode': each.mode, on: { click: () => setMode(current.call, bargeId, each) } },
        each.label,
      ),
    ),
  )
  return el(
    'div',
    { class: 'barger' },
    el('span', { class: 'state' }),
    el('span', { class: 'soft id', title: bargeId }, bargeId.slice(0, 8)),
    modes,
    el(
      'button',
      {
        type: 'button',
        class: 'danger',
        'data-act': 'drop',
        on: { click: () => dropBarger(current.call, bargeId) },
      },
      'Drop',
    ),
  )
}

function updateBarger(element, { state, mode }) {
  const shown = element.querySelector('.state')
  attribute(shown, 'data-state', state)
  text(shown, `Barger ${BARGER_WORDS[state] ?? state}`)
  for (const button of element.querySelectorAll('[data-mode]'))
    attribute(button, 'aria-pressed', String(button.dataset.mode === mode))
}
