// The page by keyboard: `/` to the search box, arrows through the rows, Enter for a row's timeline, letters for what a
// row's buttons do, Esc back. Rows are one stop of the Tab key, and their buttons follow it.
import { byId } from './dom.js'
import { closeTimeline, isTimelineOpen } from './timeline.js'

const ROWS = '.rows > li[tabindex]'

export function startKeyboard() {
  document.addEventListener('keydown', event => {
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector('dialog[open]')) return
    if (event.key === 'Escape') return onEscape()
    if (event.target.matches('input, textarea, select')) return
    if (event.key === '/') {
      event.preventDefault()
      byId('search-text').select()
    } else if (event.key === 'ArrowDown' || event.key === 'ArrowUp') move(event)
    else onRowKey(event)
  })
  document.addEventListener('focusin', event => markStop(event.target.closest?.(ROWS)))
  // The first call, or the first row, is where Tab arrives, until another one was visited.
  new MutationObserver(() => {
    if (!document.querySelector(`${ROWS}[tabindex="0"]`))
      markStop(document.querySelector('#calls > li') ?? document.querySelector(ROWS))
  }).observe(byId('main'), { childList: true, subtree: true })
}

function onEscape() {
  const field = byId('search-text')
  if (isTimelineOpen()) closeTimeline()
  else if (document.activeElement === field) field.blur()
}

function move(event) {
  const rows = [...document.querySelectorAll(ROWS)]
  if (rows.length === 0 || event.target.closest('#drawer')) return
  const at = rows.indexOf(document.activeElement.closest(ROWS))
  // The letters work on calls, in whichever panel the call stands.
  const first = Math.max(0, rows.indexOf(document.querySelector('#calls > li')))
  const next = at < 0 ? first : at + (event.key === 'ArrowDown' ? 1 : -1)
  event.preventDefault()
  const row = rows[Math.max(0, Math.min(rows.length - 1, next))]
  row.focus()
  row.scrollIntoView({ block: 'nearest' })
}

const ROW_KEYS = { Enter: 'open', b: 'barge', x: 'hangup' }

function onRowKey(event) {
  const row = document.activeElement.closest(ROWS)
  const act = ROW_KEYS[event.key]
  // Enter on a button within the row presses that button.
  if (!row || !act || (event.key === 'Enter' && document.activeElement !== row)) return
  event.preventDefault()
  row.dispatchEvent(new Event(`hookswitch:${act}`))
}

function markStop(row) {
  if (!row) return
  for (const other of document.querySelectorAll(`${ROWS}[tabindex="0"]`))
    if (other !== row) other.tabIndex = -1
  row.tabIndex = 0
}
