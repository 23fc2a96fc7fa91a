// The third phones of a call: which phone, how long it has been in, who hears it, and the buttons that change that.
import { dropBarger, MODES, setMode } from './commands.js'
import { attribute, el, keyedList, text } from './dom.js'
import { duration } from './format.js'

const STATES = { expected: 'is being ordered', ringing: 'is being rung', answered: 'is in the call' }

/** @param current `{ call }`, always the newest. @returns what shows a call's bargers. */
export function bargersPart(box, current) {
  const show = keyedList(box, {
    idOf: barger => barger.bargeId,
    make: barger => makeBarger(barger, current),
    update: updateBarger,
  })
  return (bargers, nowMs) => show(bargers.map(barger => ({ ...barger, nowMs })))
}

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
    { class: 'barger', title: `barge_id ${bargeId}` },
    el('span', { class: 'state' }),
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

function updateBarger(element, { state, mode, phone, sinceMs, nowMs }) {
  const shown = element.querySelector('.state')
  attribute(shown, 'data-state', state)
  const lasts = sinceMs === null ? '' : `, ${duration(nowMs - sinceMs)}`
  text(shown, `Barger ${phone}${phone === '' ? '' : ' '}${STATES[state] ?? state}${lasts}`)
  for (const button of element.querySelectorAll('[data-mode]'))
    attribute(button, 'aria-pressed', String(button.dataset.mode === mode))
}
