// The figures of this moment: tiles, each a link to the panel that has the rest, marked where the verdict is about it.
import { attribute, byId, el, keyedList, text } from './dom.js'
import { count, span, whole } from './format.js'
import { LEVELS } from './verdict.js'

export function createFigures() {
  const show = keyedList(byId('figures'), { idOf: each => each.name, make: makeFigure, update: updateFigure })
  return {
    render(state) {
      const { troubles = [] } = state.verdict ?? {}
      show(figuresOf(state).map(figure => ({ ...figure, level: levelOf(figure, troubles) })))
    },
  }
}

/** The id of a trouble begins with its subject. */
function levelOf({ troubleIds }, troubles) {
  const levels = troubles
    .filter(({ id, level }) => level !== 'note' && troubleIds.some(begin => id.startsWith(begin)))
    .map(({ level }) => LEVELS.indexOf(level))
  return levels.length === 0 ? undefined : LEVELS[Math.max(...levels)]
}

/** Reasons that a person decides: such a wake is not counted as a phone that did not wake. */
const WISHES = new Set(['caller-gone', 'unavailable'])

function figuresOf({ waits, callsTotal, calls, queues, agents, switches, totals }) {
  const sum = of => queues.reduce((total, queue) => total + of(queue), 0)
  const bargers = [...calls.values()].reduce((total, call) => total + call.bargers.length, 0)
  const [dead, waiting] = [sum(queue => queue.dead), sum(queue => queue.waiting)]
  const connected = agents.filter(agent => agent.state === 'connected').length
  const living = agents.filter(agent => agent.state !== 'dead')
  const wakes = Object.entries(totals.wakes).filter(([reason]) => !WISHES.has(reason))
  const tries = wakes.reduce((total, [, times]) => total + times, 0)
  const confirmed = totals.wakes.confirmed ?? 0
  const { p50, p95 } = totals.trips
  // Where no phone registers with a push address, nobody needs to know how many.
  const listening = switches.filter(each => each.registered > 0)
  return [
    {
      name: 'Phones being woken',
      about: 'waits-title',
      troubleIds: ['room'],
      value: whole(waits.held),
      note: waits.heldMax > 0 ? `room for ${whole(waits.heldMax)}` : 'no front runs',
    },
    {
      name: 'Calls',
      about: 'calls-title',
      troubleIds: ['without-owner', 'failing'],
      value: whole(callsTotal),
      note: bargers > 0 ? count(bargers, 'barger') : 'nobody barges in',
    },
    {
      name: 'Jobs waiting',
      about: 'queues-title',
      troubleIds: ['queue'],
      value: whole(waiting),
      note: dead > 0 ? count(dead, 'dead letter') : 'no dead letters',
    },
    {
      name: 'Agents connected',
      about: 'agents-title',
      troubleIds: ['switch'],
      value: `${connected}`,
      unit: `of ${living.length}`,
      note: count(new Set(living.map(agent => agent.switchName)).size, 'switch', 'switches'),
    },
    {
      name: 'Wakes confirmed',
      about: 'outcomes-title',
      troubleIds: ['wakes'],
      ...share(confirmed, tries),
      note: tries === 0 ? 'none in the last hour' : `${whole(confirmed)} of ${whole(tries)}, last hour`,
    },
    {
      name: 'Wake round trip',
      about: 'trips-title',
      troubleIds: ['trips'],
      ...spanParts(p50),
      note: p95 === null ? 'none in the last hour' : `p50 of the hour; p95 ${span(p95)}`,
    },
    ...(listening.length > 0
      ? [
          {
            name: 'Phones registered',
            about: 'agents-title',
            troubleIds: [],
            value: whole(listening.reduce((total, each) => total + each.registered, 0)),
            note: `by SIP, at ${count(listening.length, 'switch', 'switches')}`,
          },
        ]
      : []),
  ]
}

function share(part, all) {
  if (all === 0) return { value: '–', unit: '' }
  const percent = (100 * part) / all
  return {
    value: percent > 99 && percent < 100 ? percent.toFixed(1) : String(Math.round(percent)),
    unit: '%',
  }
}

function spanParts(ms) {
  if (ms === null) return { value: '–', unit: '' }
  const [value, unit] = span(ms).split('\u00a0')
  return { value, unit }
}

function makeFigure({ name, about }) {
  return el(
    'li',
    {},
    el(
      'a',
      { href: `#${about}` },
      el('span', { class: 'name' }, name),
      el('span', { class: 'value' }, el('span', { class: 'number' }), ' ', el('span', { class: 'unit' })),
      el('span', { class: 'note' }),
    ),
  )
}

function updateFigure(element, { value, unit = '', note, level }) {
  text(element.querySelector('.number'), value)
  text(element.querySelector('.unit'), unit)
  text(element.querySelector('.note'), note)
  attribute(element, 'data-level', level)
}
