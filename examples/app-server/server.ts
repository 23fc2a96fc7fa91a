// An app's server side: users log in here and get a token; the app shows it to hookswitch with each registration, and
// hookswitch (AUTH_MODE=upstream) asks here whose it is. So hookswitch never sees a password, and has no user table.
//
//   PORT=8090 bun examples/app-server/server.ts
//   AUTH_MODE=upstream AUTH_URL=http://127.0.0.1:8090/whose npm start
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'

/** Stand-in for the user table. A real one keeps slow hashes (argon2id), never passwords. */
const USERS: Record<string, { password: string; account: string }> = {
  ann: { password: 'correct horse', account: '1001' },
  ben: { password: 'battery staple', account: '1002' },
}

/** Of each start: every token ends with the process. */
const key = randomBytes(32)
const sign = (account: string): string => createHmac('sha256', key).update(account).digest('base64url')

const server = Bun.serve({
  hostname: '127.0.0.1',
  port: Number(process.env.PORT ?? 8090),
  routes: {
    '/login': {
      async POST(request) {
        const { name, password } = (await request.json()) as { name?: string; password?: string }
        const user = typeof name === 'string' && Object.hasOwn(USERS, name) ? USERS[name] : undefined
        if (!user || user.password !== password)
          return new Response('wrong name or password', { status: 401 })
        return Response.json({ sip_user_id: user.account, token: `${user.account}.${sign(user.account)}` })
      },
    },

    // hookswitch forwards the app's own Authorization header, and takes 200 with the account, 401 or 403.
    '/whose'(request) {
      const [, account, signature] =
        /^Bearer ([^.]+)\.(.+)$/.exec(request.headers.get('authorization') ?? '') ?? []
      if (!account || !isSame(signature!, sign(account))) return new Response('log in again', { status: 401 })
      return Response.json({ account_id: account })
    },
  },
})
console.log(`listening on ${server.url}`)

function isSame(given: string, expected: string): boolean {
  const [a, b] = [Buffer.from(given), Buffer.from(expected)]
  return a.length === b.length && timingSafeEqual(a, b)
}
