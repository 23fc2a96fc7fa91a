// The live page, put together: what the feed tells goes into one state, and each part of the page draws its piece of
// it. Nothing is drawn before the first whole look has come, because an empty page would say that nothing happens.
import { createCalls } from './calls.js'
import { follow } from './connection.js'
import { askToken } from './dialogs.js'
import { attribute, byId, el, text } from './dom.js'
import { createFigures } from './figures.js'
import { clock, duration } from './format.js'
import { createHealth } from './health.js'
import { startKeyboard } from './keyboard.js'
import { createLately } from './lately.js'
import { createOutcomes } from './outcomes.js'
import { createPlots } from './plots.js'
import { startTheme } from './theme.js'
import { openTimeline, startTimeline } from './timeline.js'
import { createVerdict } from './verdict.js'
import { createWaits } from './waits.js'

const state = { calls: new Map(), minutes: new Map(), isRedisAway: false }
const parts = {
  verdict: createVerdict(),
  figures: createFigures(),
  calls: createCalls(),
  waits: createWaits(),
  lately: createLately(),
  plots: createPlots(),
  outcomes: createOutcomes(),
  health: createHealth(),
}

/** The service's clock at the newest tick, and this browser's clock at that moment. */
let tick
let lostAtMs

startTheme()
startKeyboard()
startSearch()
const timeline = startTimeline()

void follow({ onEvent, onLive, onLost, askToken })
setInterval(showConnection, 1_000)

/** One event of the feed. A tick ends each lot, so that drawing is done once for all of it. */
function onEvent(name, data) {
  switch (name) {
    case 'calls':
      return merge(state.calls, data, call => call.dialId)
    case 'minutes':
      state.isHourNew = true
      return merge(state.minutes, data, minute => minute.minute)
    case 'tick':
      tick = { atMs: data.atMs, hereMs: performance.now() }
      state.isRedisAway = data.isRedisAway
      return draw()
    default:
      if (name === 'totals') state.isHourNew = true
      state[name] = data
  }
}

/** Ids are text in `gone`, whatever they are in the items. */
function merge(items, { set, gone }, idOf) {
  for (const item of set) items.set(idOf(item), item)
  for (const id of items.keys()) if (gone.includes(String(id))) items.delete(id)
}

function draw() {
  const nowMs = tick.atMs
  parts.verdict.render(state.verdict, nowMs)
  attribute(document.body, 'data-stale', state.isRedisAway)
  showConnection()
  // Redis has been away since the feed began.
  if (!state.pods) return
  byId('main').hidden = false
  parts.figures.render(state)
  parts.calls.render(state.calls, state.callsTotal, nowMs)
  parts.waits.render(state.waits)
  parts.lately.render(state.lately)
  parts.plots.render(state.minutes, state.totals, nowMs, state.isHourNew)
  state.isHourNew = false
  parts.outcomes.render(state.totals)
  parts.health.render(state, nowMs)
  const { about } = state
  text(
    byId('about'),
    `hookswitch ${about.version}, told by ${about.pod}. ${about.isMasked ? 'Numbers are masked; LOG_FULL_NUMBERS=true shows them.' : 'Numbers are shown whole.'}`,
  )
  const title = state.callsTotal + state.waits.held
  const mark = { bad: '✕ ', warn: '▲ ' }[state.verdict.level] ?? ''
  document.title = `${mark}${title > 0 ? `(${title}) ` : ''}hookswitch`
}

/** The feed sends everything anew: forget what was known before. */
function onLive() {
  lostAtMs = undefined
  state.calls.clear()
  state.minutes.clear()
  timeline.again()
}

function onLost() {
  lostAtMs ??= Date.now()
  if (tick) parts.verdict.render(verdictOfLoss(tick.atMs, lostAtMs), Date.now())
  showConnection()
}

/** Shows that the service is not reached, which the service itself can't say. */
const verdictOfLoss = (seenAtMs, sinceMs) => ({
  level: 'bad',
  troubles: [
    {
      id: 'lost',
      level: 'bad',
      words: [`The service is not reached. What you see is of ${clock(seenAtMs)}.`],
      sinceMs,
      isSeen: false,
    },
  ],
  well: [],
})

function showConnection() {
  const isLost = lostAtMs !== undefined
  attribute(byId('connection'), 'data-state', isLost ? 'lost' : tick ? 'live' : 'connecting')
  // A green lamp says that all is well.
  attribute(byId('connection'), 'data-level', state.verdict?.level)
  if (isLost) {
    text(byId('connection-text'), `no connection for ${duration(Date.now() - lostAtMs)}; trying again`)
    attribute(document.body, 'data-stale', true)
  } else if (tick) text(byId('connection-text'), `live ${clock(tick.atMs + performance.now() - tick.hereMs)}`)
}

function startSearch() {
  const field = byId('search-text')
  byId('search').addEventListener('submit', event => {
    event.preventDefault()
    const id = field.value.trim()
    if (id !== '') openTimeline(id)
  })
  // Fills the browser's list of suggestions.
  field.addEventListener('focus', () => {
    const ids = [...state.calls.keys(), ...(state.waits?.eldest ?? []).map(wait => wait.callId)]
    byId('known-ids').replaceChildren(...ids.map(id => el('option', { value: id })))
  })
}
