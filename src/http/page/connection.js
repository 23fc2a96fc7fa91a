// The page's requests to the service: the live feed, and single commands. The browser's EventSource sends no headers, so
// it can't send a token; the feed's stream is read here, and begun again when it breaks. The token stays in this tab.

const TOKEN = 'hookswitch-token'

/** The service sends something each second; a silence of this length means that the connection is broken. */
const SILENCE_MAX_MS = 5_000
const RETRY_MIN_MS = 500
const RETRY_MAX_MS = 5_000

/** The status of a request that had no answer. */
export const NO_ANSWER = 0

/** Keeps the feed open for as long as the page lives.
 *  @param handlers `onEvent(name, data)`, `onLive()`, `onLost()`, and `askToken(wasWrong)`, which resolves with one. */
export async function follow(handlers) {
  let waitMs = RETRY_MIN_MS
  for (;;) {
    const outcome = await readFeed(handlers)
    if (outcome === 'unauthorized') {
      const wasWrong = sessionStorage.getItem(TOKEN) !== null
      sessionStorage.setItem(TOKEN, await handlers.askToken(wasWrong))
      continue
    }
    handlers.onLost()
    waitMs = outcome === 'broken' ? RETRY_MIN_MS : Math.min(RETRY_MAX_MS, waitMs * 2)
    await new Promise(resolve => setTimeout(resolve, waitMs))
  }
}

/** @returns `unauthorized`, `broken` after it was live, or `refused`. */
async function readFeed({ onEvent, onLive, onLost }) {
  const aborter = new AbortController()
  let silence
  let isLive = false
  const heard = () => {
    clearTimeout(silence)
    silence = setTimeout(() => {
      onLost()
      aborter.abort()
    }, SILENCE_MAX_MS)
  }
  try {
    heard()
    const response = await fetch('/api/live', { headers: authorization(), signal: aborter.signal })
    if (response.status === 401) return 'unauthorized'
    if (!response.ok) return 'refused'
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader()
    let rest = ''
    for (;;) {
      const { value, done } = await reader.read()
      if (done) return 'broken'
      heard()
      if (!isLive) onLive()
      isLive = true
      const events = (rest + value).split('\n\n')
      rest = events.pop()
      for (const event of events) {
        const [, name, json] = /^event: (\w+)\ndata: (.*)$/s.exec(event) ?? []
        if (name) onEvent(name, JSON.parse(json))
      }
    }
  } catch {
    // The connection was refused or has broken; the reason does not help the reader of the page.
    return isLive ? 'broken' : 'refused'
  } finally {
    clearTimeout(silence)
    aborter.abort()
  }
}

/** @returns `{ status, body }`, whatever the answer; status `NO_ANSWER` without one. */
export async function request(path, { method = 'GET', body } = {}) {
  const headers = { ...authorization(), ...(body ? { 'content-type': 'application/json' } : {}) }
  try {
    const response = await fetch(path, { method, headers, ...(body ? { body: JSON.stringify(body) } : {}) })
    // A proxy's error page is no JSON: the status alone says what to show.
    return { status: response.status, body: await response.json().catch(() => ({})) }
  } catch {
    // The page shows that the service is away as soon as the feed breaks.
    return { status: NO_ANSWER, body: {} }
  }
}

function authorization() {
  const token = sessionStorage.getItem(TOKEN)
  return token === null ? {} : { authorization: `Bearer ${token}` }
}
