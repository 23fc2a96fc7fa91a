// How the service is: the one line of what is wrong, the figures, and the lists of switches, agents, job lists and
// processes.
import { attribute, byId, el, keyedList, text } from './dom.js'
import { clock, count, shortName, span, whole } from './format.js'
import { openTimeline } from './timeline.js'

export function createHealth() {
  const shows = {
    switches: keyedList(byId('agents'), { idOf: each => each.name, make: makeLine, update: updateSwitch }),
    queues: keyedList(byId('queues'), { idOf: each => each.list, make: makeQueue, update: updateQueue }),
    pods: keyedList(byId('pods'), {
      idOf: each => each.pod,
      make: makeLine,
      update: (line, pod) => updatePod(line, pod),
    }),
    troubles: keyedList(byId('trouble-list'), {
      idOf: each => each,
      make: words => el('li', {}, words),
      update: () => undefined,
    }),
    figures: keyedList(byId('figures'), { idOf: each => each.name, make: makeFigure, update: updateFigure }),
  }
  return {
    render(state, nowMs) {
      shows.switches(
        [...Map.groupBy(state.agents, agent => agent.switchName)].map(([name, agents]) => ({ name, agents })),
      )
      byId('agents-empty').hidden = state.agents.length > 0
      shows.queues(state.queues)
      shows.pods(state.pods.map(pod => ({ ...pod, nowMs })))
      shows.figures(figuresOf(state))
      const { level, sentences } = troublesOf(state)
      attribute(byId('trouble'), 'data-level', level)
      shows.troubles(sentences)
    },
  }
}

function troublesOf({ pods, agents, queues, calls, isRedisAway, isLost, atMs }) {
  if (isLost)
    return { level: 'bad', sentences: [`The service is not reached. What you see is of ${clock(atMs)}.`] }
  const bad = []
  const warn = []
  if (isRedisAway) bad.push('Redis does not answer: what you see is what was there before.')
  const orphans = [...calls.values()].filter(call => !call.isOwnerAlive).length
  if (orphans > 0)
    bad.push(`${count(orphans, 'call')} without an owner: the agent died, and no other has taken over yet.`)
  for (const pod of pods) {
    if (pod.isSilent) bad.push(`Process ${shortName(pod.pod)} says nothing any more.`)
    else if (pod.obstacles.includes('draining')) warn.push(`Process ${shortName(pod.pod)} is stopping.`)
    else if (pod.obstacles.length > 0)
      bad.push(`Process ${shortName(pod.pod)} can't take calls: ${pod.obstacles.join(', ')}.`)
    else if (!pod.isHearing) bad.push(`Process ${shortName(pod.pod)} hears no confirmations.`)
    if (pod.heldMax > 0 && pod.held >= pod.heldMax)
      bad.push(`Process ${shortName(pod.pod)} holds all the requests that it may.`)
  }
  for (const [name, group] of switchesOf(agents))
    if (group.some(agent => agent.state === 'refused'))
      bad.push(`The switch ${name} refuses what it is asked.`)
    else if (group.every(agent => agent.state !== 'connected'))
      bad.push(`No agent is connected to the switch ${name}.`)
  const waiting = queues.reduce((sum, queue) => sum + queue.waiting, 0)
  if (waiting > 0 && !agents.some(agent => agent.state === 'connected' || agent.state === 'refused'))
    bad.push(`${count(waiting, 'job')} and no agent to take ${waiting === 1 ? 'it' : 'them'}.`)
  if (bad.length > 0) return { level: 'bad', sentences: [...bad, ...warn] }
  if (warn.length > 0) return { level: 'warn', sentences: warn }
  const connected = agents.filter(agent => agent.state === 'connected').length
  return {
    level: 'good',
    sentences: [
      `All well: ${count(pods.length, 'process', 'processes')}, ${count(connected, 'connected agent')}.`,
    ],
  }
}

const switchesOf = agents =>
  Map.groupBy(
    agents.filter(agent => agent.state !== 'dead'),
    agent => agent.switchName,
  )

function figuresOf({ waits, callsTotal, calls, queues, agents, totals }) {
  const sum = of => queues.reduce((total, queue) => total + of(queue), 0)
  const bargers = [...calls.values()].reduce((total, call) => total + call.bargers.length, 0)
  const [dead, waiting] = [sum(queue => queue.dead), sum(queue => queue.waiting)]
  const connected = agents.filter(agent => agent.state === 'connected').length
  const living = agents.filter(agent => agent.state !== 'dead').length
  const wakes = Object.entries(totals.wakes).filter(([reason]) => reason !== 'caller-gone')
  const wakesTotal = wakes.reduce((total, [, times]) => total + times, 0)
  const confirmed = totals.wakes.confirmed ?? 0
  const { p50, p95 } = totals.trips
  return [
    {
      name: 'Phones being woken',
      value: whole(waits.held),
      note: waits.heldMax > 0 ? `room for ${whole(waits.heldMax)}` : 'no front runs',
    },
    { name: 'Calls', value: whole(callsTotal), note: bargers > 0 ? count(bargers, 'barger') : '' },
    {
      name: 'Jobs waiting',
      value: whole(waiting),
      note: dead > 0 ? `${count(dead, 'dead letter')}` : 'no dead letters',
      level: dead > 0 ? 'warn' : undefined,
    },
    {
      name: 'Agents connected',
      value: `${connected}`,
      unit: `of ${living}`,
      note: count(switchesOf(agents).size, 'switch', 'switches'),
      level: connected < living ? 'bad' : undefined,
    },
    {
      name: 'Wakes confirmed',
      ...share(confirmed, wakesTotal),
      note:
        wakesTotal === 0 ? 'none in the last hour' : `${whole(confirmed)} of ${whole(wakesTotal)}, last hour`,
    },
    {
      name: 'Wake round trip',
      ...spanParts(p50),
      note: p95 === null ? 'none in the last hour' : `p50 of the hour; p95 ${span(p95)}`,
    },
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

function makeFigure({ name }) {
  const value = el('span', { class: 'number' })
  const unit = el('span', { class: 'unit' })
  return el(
    'div',
    {},
    el('dt', {}, name),
    el('dd', { class: 'value' }, value, ' ', unit),
    el('dd', { class: 'note' }),
  )
}

function updateFigure(element, { value, unit = '', note, level }) {
  text(element.querySelector('.number'), value)
  text(element.querySelector('.unit'), unit)
  text(element.querySelector('.note'), note)
  attribute(element, 'data-level', level)
}

function makeLine() {
  return el(
    'li',
    {},
    el('div', { class: 'line' }, el('span', { class: 'first' }), el('span', { class: 'state' })),
    el('div', { class: 'soft more-about' }),
  )
}

function fillLine(line, { first, title, state, words, about }) {
  text(line.querySelector('.first'), first)
  attribute(line.querySelector('.first'), 'title', title)
  const shown = line.querySelector('.state')
  attribute(shown, 'data-state', state)
  text(shown, words)
  text(line.querySelector('.more-about'), about)
}

const AGENT_STATE = {
  unconnected: 'not connected',
  refused: 'refused by its switch',
  draining: 'stopping',
  dead: 'died, its calls wait for another',
}

function updateSwitch(line, { name, agents }) {
  const connected = agents.filter(agent => agent.state === 'connected').length
  const living = agents.filter(agent => agent.state !== 'dead').length
  const state = connected === 0 ? 'bad' : connected < agents.length ? 'warn' : 'good'
  fillLine(line, {
    first: name || 'of agents that died',
    state,
    words: `${connected} of ${count(living, 'agent')} connected`,
    about: agents.map(agentWords).join('\n'),
  })
}

function agentWords({ agent, state, calls }) {
  const trouble = state === 'connected' ? '' : ` · ${AGENT_STATE[state] ?? state}`
  return `agent ${shortName(agent)} · ${count(calls, 'call')}${trouble}`
}

function updatePod(line, pod) {
  const [state, words] = podState(pod)
  const waits = pod.heldMax > 0 ? ` · ${whole(pod.held)} held · ${count(pod.waitWorkers, 'wait worker')}` : ''
  fillLine(line, {
    first: shortName(pod.pod),
    title: pod.pod,
    state,
    words,
    about: `${pod.role} · ${pod.version} · up ${span(Math.max(0, pod.nowMs - pod.startedAtMs))} · ${whole(pod.megabytes)} MB${waits}`,
  })
}

function podState({ isSilent, obstacles, isHearing }) {
  if (isSilent) return ['bad', 'silent']
  if (obstacles.includes('draining')) return ['warn', 'stopping']
  if (obstacles.length > 0) return ['bad', `not ready: ${obstacles.join(', ')}`]
  return isHearing ? ['good', 'ready'] : ['bad', 'hears no confirmations']
}

function makeQueue({ list }) {
  return el(
    'li',
    {},
    el(
      'div',
      { class: 'line' },
      el('span', { class: 'first' }, list),
      el('span', { class: 'depth' }),
      el('span', { class: 'state' }),
    ),
    el('div', { class: 'letters' }),
  )
}

function updateQueue(element, { waiting, dead, newestDead }) {
  text(element.querySelector('.depth'), waiting === 0 ? 'empty' : `${count(waiting, 'job')} waiting`)
  const state = element.querySelector('.state')
  state.hidden = dead === 0
  attribute(state, 'data-state', 'warn')
  text(state, count(dead, 'dead letter'))
  const letters = element.querySelector('.letters')
  const words = JSON.stringify(newestDead)
  if (letters.dataset.words === words) return
  letters.dataset.words = words
  letters.replaceChildren(...newestDead.map(deadLetter))
}

function deadLetter({ reason, at, dialId }) {
  const time = Number.isNaN(Date.parse(at)) ? '' : clock(Date.parse(at))
  const id =
    dialId === ''
      ? undefined
      : el('button', { type: 'button', class: 'link', on: { click: () => openTimeline(dialId) } }, dialId)
  return el('span', { class: 'dead-letter' }, `${time} `, id, ` ${reason}`)
}
