// The last hour, drawn: pushes stacked by what became of them, and percentiles of the round trips as lines. Series
// differ by pattern or dash as well as by colour, and the figures stand beside them as text.
import { byId, el, svg, text } from './dom.js'
import { clock, span, whole } from './format.js'

const MINUTES = 60
const MS_PER_MINUTE = 60_000

/** Around the plot itself, in pixels: room for the scales. */
const EDGE = { top: 8, right: 4, bottom: 18, left: 44 }

const OUTCOMES = [
  { key: 'accepted', name: 'accepted', style: 'accepted', hatch: undefined },
  { key: 'retry-later', name: 'to be retried', style: 'late', hatch: 'rising' },
  { key: 'token-gone', name: 'phone gone', style: 'gone', hatch: 'level' },
  { key: 'refused', name: 'refused', style: 'refused', hatch: 'falling' },
]

const PERCENTILES = [
  { key: 'p50', style: 'p50' },
  { key: 'p95', style: 'p95' },
  { key: 'p99', style: 'p99' },
]

export function createPlots() {
  let last
  /** The minute under the pointer, marked in both plots: what happened in one minute stands on one line. */
  let pointed
  const draw = () => {
    if (!last) return
    drawPushes(last, pointed)
    drawTrips(last, pointed)
  }
  const point = event => {
    const box = event.currentTarget.querySelector('svg')?.getBoundingClientRect()
    const part = box ? (event.clientX - box.left - EDGE.left) / (box.width - EDGE.left - EDGE.right) : -1
    pointed = part >= 0 && part < 1 ? Math.floor(part * MINUTES) : undefined
    draw()
  }
  for (const id of ['pushes-plot', 'trips-plot']) {
    byId(id).addEventListener('pointermove', point)
    byId(id).addEventListener('pointerleave', () => {
      pointed = undefined
      draw()
    })
  }
  // Drawn in real pixels, so that lines stay sharp and letters their size.
  new ResizeObserver(draw).observe(byId('pushes-plot'))
  return {
    /** @param minutes by minute of the epoch; @param totals of the hour; @param isNew whether they are others than they
     *  were: a hundred bars are not drawn again each second for nothing. */
    render(minutes, totals, nowMs, isNew) {
      const newest = Math.floor(nowMs / MS_PER_MINUTE)
      if (!isNew && last?.newest === newest) return
      last = { minutes, totals, newest }
      draw()
    },
  }
}

function drawPushes({ minutes, totals, newest }, pointed) {
  const figure = byId('pushes-plot')
  const sums = Object.fromEntries(OUTCOMES.map(({ key }) => [key, sumOf(totals.pushes, key)]))
  const heights = range(newest).map(minute =>
    OUTCOMES.reduce((sum, { key }) => sum + (minutes.get(minute)?.pushes[key] ?? 0), 0),
  )
  const total = Object.values(sums).reduce((sum, each) => sum + each, 0)
  legend(
    'pushes-legend',
    OUTCOMES.filter(({ key }) => key === 'accepted' || sums[key] > 0).map(outcome => [
      swatch(outcome),
      outcome.name,
      whole(
        pointed === undefined
          ? sums[outcome.key]
          : (minutes.get(range(newest)[pointed])?.pushes[outcome.key] ?? 0),
      ),
    ]),
  )
  text(byId('pushes-when'), pointed === undefined ? 'last hour' : minuteClock(range(newest)[pointed]))
  if (total === 0) return figure.replaceChildren(el('p', { class: 'none' }, 'No push in the last hour.'))

  const frame = frameOf(
    figure,
    Math.max(...heights),
    whole,
    `Pushes a minute in the last hour: ${OUTCOMES.map(({ key, name }) => `${whole(sums[key])} ${name}`).join(', ')}.`,
  )
  const width = frame.width / MINUTES
  for (const [index, minute] of range(newest).entries()) {
    let below = 0
    for (const outcome of OUTCOMES) {
      const times = minutes.get(minute)?.pushes[outcome.key] ?? 0
      if (times === 0) continue
      const box = {
        x: frame.x(index) + width * 0.12,
        y: frame.y(below + times),
        width: width * 0.76,
        height: Math.max(1, frame.y(below) - frame.y(below + times)),
      }
      frame.svg.append(svg('rect', { ...box, class: outcome.style }))
      if (outcome.hatch) frame.svg.append(svg('rect', { ...box, fill: `url(#${outcome.hatch})` }))
      below += times
    }
  }
  frame.svg.prepend(patterns())
  frame.point(pointed)
  figure.replaceChildren(frame.svg)
}

function drawTrips({ minutes, totals, newest }, pointed) {
  const figure = byId('trips-plot')
  const { trips } = totals
  const told = pointed === undefined ? trips : (minutes.get(range(newest)[pointed])?.trips ?? NO_TRIPS)
  legend('trips-legend', [
    ...PERCENTILES.map(({ key, style }) => [dash(style), key, told[key] === null ? '–' : span(told[key])]),
    [undefined, 'confirmed', whole(told.times)],
  ])
  text(
    byId('trips-when'),
    pointed === undefined ? 'push to confirmation, last hour' : minuteClock(range(newest)[pointed]),
  )
  if (trips.times === 0)
    return figure.replaceChildren(el('p', { class: 'none' }, 'No wake was confirmed in the last hour.'))

  const values = range(newest).map(minute => minutes.get(minute)?.trips)
  const highest = Math.max(...values.map(each => each?.p99 ?? 0))
  const frame = frameOf(
    figure,
    highest,
    span,
    `Wake round trips in the last hour: ${PERCENTILES.map(({ key }) => `${key} ${span(trips[key])}`).join(', ')}.`,
  )
  const middle = frame.width / MINUTES / 2
  for (const { key, style } of PERCENTILES.toReversed()) {
    const points = values.map((each, index) =>
      each?.times > 0 ? [frame.x(index) + middle, frame.y(each[key])] : undefined,
    )
    frame.svg.append(svg('path', { d: lineThrough(points), class: style }))
    for (const [index, point] of points.entries()) {
      const isAlone = !points[index - 1] && !points[index + 1]
      if (point && isAlone)
        frame.svg.append(svg('circle', { cx: point[0], cy: point[1], r: 2.5, class: style }))
    }
  }
  frame.point(pointed)
  figure.replaceChildren(frame.svg)
}

const NO_TRIPS = { times: 0, p50: null, p95: null, p99: null }

/** Hours and minutes; the plots know no seconds. */
const minuteClock = minute => `at ${clock(minute * MS_PER_MINUTE).slice(0, 5)}`

/** A minute without a value interrupts the line. */
function lineThrough(points) {
  return points
    .map((point, index) =>
      point ? `${points[index - 1] ? 'L' : 'M'}${point[0].toFixed(1)} ${point[1].toFixed(1)}` : '',
    )
    .join('')
}

/** Minutes of the epoch, oldest first. */
const range = newest => Array.from({ length: MINUTES }, (_, index) => newest - MINUTES + 1 + index)

function frameOf(figure, highest, wordsFor, label) {
  const style = getComputedStyle(figure)
  const outerWidth = Math.max(
    200,
    figure.clientWidth - Number.parseFloat(style.paddingLeft) - Number.parseFloat(style.paddingRight),
  )
  const outerHeight = 144
  const width = outerWidth - EDGE.left - EDGE.right
  const height = outerHeight - EDGE.top - EDGE.bottom
  const steps = stepsTo(highest)
  const top = steps.at(-1)
  const x = index => EDGE.left + (index / MINUTES) * width
  const y = value => EDGE.top + height * (1 - value / top)
  const element = svg('svg', {
    viewBox: `0 0 ${outerWidth} ${outerHeight}`,
    role: 'img',
    'aria-label': label,
  })
  for (const step of steps) {
    element.append(
      svg('line', { x1: EDGE.left, x2: outerWidth - EDGE.right, y1: y(step), y2: y(step), class: 'grid' }),
    )
    element.append(svg('text', { x: EDGE.left - 6, y: y(step) + 4, 'text-anchor': 'end' }, wordsFor(step)))
  }
  for (const [ago, words, anchor] of [
    [60, '60 min ago', 'start'],
    [30, '30', 'middle'],
    [0, 'now', 'end'],
  ])
    element.append(svg('text', { x: x(MINUTES - ago), y: outerHeight - 2, 'text-anchor': anchor }, words))
  const point = index => {
    if (index === undefined) return
    const at = x(index) + width / MINUTES / 2
    element.append(svg('line', { x1: at, x2: at, y1: EDGE.top, y2: y(0), class: 'cursor' }))
  }
  return { svg: element, x, y, width, point }
}

/** Two to four round steps from 0 to at least the highest value. */
function stepsTo(highest) {
  const rough = Math.max(highest, 1) / 3
  const magnitude = 10 ** Math.floor(Math.log10(rough))
  const step = Math.max(
    1,
    [1, 2, 2.5, 5, 10].map(each => each * magnitude).find(each => each >= rough),
  )
  const steps = [0]
  while (steps.at(-1) < highest) steps.push(steps.at(-1) + step)
  return steps.length > 1 ? steps : [0, step]
}

function patterns() {
  const lines = { rising: 'M0 6 6 0', falling: 'M0 0 6 6', level: 'M0 3H6' }
  return svg(
    'defs',
    {},
    ...Object.entries(lines).map(([id, d]) =>
      svg(
        'pattern',
        { id, width: 6, height: 6, patternUnits: 'userSpaceOnUse' },
        svg('path', { d, class: 'hatch' }),
      ),
    ),
  )
}

function swatch({ style, hatch }) {
  const element = svg(
    'svg',
    { viewBox: '0 0 22 11', 'aria-hidden': 'true' },
    svg('rect', { width: 22, height: 11, rx: 2, class: style }),
  )
  if (hatch) element.append(svg('rect', { width: 22, height: 11, fill: `url(#${hatch})` }))
  return element
}

const dash = style =>
  svg('svg', { viewBox: '0 0 22 11', 'aria-hidden': 'true' }, svg('path', { d: 'M1 5.5H21', class: style }))

function legend(id, entries) {
  const list = byId(id)
  const words = entries.map(([, name, value]) => `${name} ${value}`).join()
  // The feed brings it each second, and it seldom changes.
  if (list.dataset.words === words) return
  list.dataset.words = words
  list.replaceChildren(
    ...entries.map(([mark, name, value]) => {
      const bold = el('b')
      text(bold, value)
      return el('li', {}, mark, `${name} `, bold)
    }),
  )
}

/** Counts of all platforms: `apns.accepted`, `android.accepted`. */
const sumOf = (counts, outcome) =>
  Object.entries(counts).reduce((sum, [name, times]) => (name.endsWith(`.${outcome}`) ? sum + times : sum), 0)
