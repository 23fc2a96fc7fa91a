// How the service is, row by row: switches with their agents, job lists, processes. Each row has an id, by which the
// verdict's words lead to it.
import { attribute, byId, el, keyedList, text } from './dom.js'
import { clock, count, dayAndClock, shortName, span, whole } from './format.js'
import { openTimeline } from './timeline.js'

export function createHealth() {
  const shows = {
    switches: keyedList(byId('agents'), {
      idOf: each => each.name,
      make: each => makeLine(`switch:${each.name}`),
      update: updateSwitch,
    }),
    queues: keyedList(byId('queues'), { idOf: each => each.list, make: makeQueue, update: updateQueue }),
    pods: keyedList(byId('pods'), {
      idOf: each => each.pod,
      make: pod => makeLine(`pod:${pod.pod}`),
      update: updatePod,
    }),
  }
  return {
    render(state, nowMs) {
      const registered = new Map(state.switches.map(each => [each.name, each.registered]))
      shows.switches(
        [...Map.groupBy(state.agents, agent => agent.switchName)].map(([name, agents]) => ({
          name,
          agents,
          registered: registered.get(name) ?? null,
        })),
      )
      byId('agents-empty').hidden = state.agents.length > 0
      shows.queues(state.queues)
      shows.pods(state.pods.map(pod => ({ ...pod, nowMs })))
    },
  }
}

function makeLine(id) {
  return el(
    'li',
    { id },
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

function updateSwitch(line, { name, agents, registered }) {
  const connected = agents.filter(agent => agent.state === 'connected').length
  const living = agents.filter(agent => agent.state !== 'dead').length
  const state = connected === 0 ? 'bad' : connected < agents.length ? 'warn' : 'good'
  fillLine(line, {
    first: name || 'of agents that died',
    state,
    words: `${connected} of ${count(living, 'agent')} connected`,
    about: [
      ...agents.map(agentWords),
      ...(registered === null ? [] : [`${count(registered, 'phone')} registered with a push address`]),
    ].join('\n'),
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

function podState({ isSilent, obstacles, warnings, isHearing }) {
  if (isSilent) return ['bad', 'silent']
  if (obstacles.includes('draining')) return ['warn', 'stopping']
  if (obstacles.length > 0) return ['bad', `not ready: ${obstacles.join(', ')}`]
  if (!isHearing) return ['bad', 'hears no confirmations']
  return warnings.length > 0 ? ['warn', `ready, without ${warnings.join(', ')}`] : ['good', 'ready']
}

function makeQueue({ list }) {
  return el(
    'li',
    { id: `queue:${list}` },
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

function updateQueue(element, { waiting, dead, newestDead, isNoList }) {
  const depth = waiting === 0 ? 'empty' : `${count(waiting, 'job')} waiting`
  text(element.querySelector('.depth'), isNoList ? 'no list' : depth)
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
  const atMs = Date.parse(at)
  const isToday = new Date(atMs).toDateString() === new Date().toDateString()
  const time = Number.isNaN(atMs) ? '' : isToday ? clock(atMs) : dayAndClock(atMs)
  const id =
    dialId === ''
      ? undefined
      : el('button', { type: 'button', class: 'link', on: { click: () => openTimeline(dialId) } }, dialId)
  return el('span', { class: 'dead-letter' }, `${time} `, id, ` ${reason}`)
}
