// Where a newcomer has a phone of the switch dial: `POST /dial` with `from` and `extension`, as somebody would who has one.

import type { TestSwitch } from '../../test/switch/testSwitch.ts'

export interface PhoneBooth extends AsyncDisposable {
  url: string
}

/** Opens it on 127.0.0.1, at any free port. */
export function openPhoneBooth(testSwitch: TestSwitch): PhoneBooth {
  const server = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    async fetch(request) {
      const { pathname } = new URL(request.url)
      if (request.method !== 'POST' || pathname !== '/dial')
        return new Response('POST /dial\n', { status: 404 })
      const fields = new URLSearchParams(await request.text())
      const [from, extension] = [fields.get('from'), fields.get('extension')]
      if (!from || !extension) return new Response('from and extension are needed\n', { status: 400 })
      const uuid = testSwitch.dial({ from, extension })
      return new Response(`${from} dials ${extension}: call id ${uuid}\n`)
    },
  })
  return {
    url: server.url.origin,
    [Symbol.asyncDispose]: () => server.stop(true),
  }
}
