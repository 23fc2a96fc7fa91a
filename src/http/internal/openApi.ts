// The listeners' description. Of the internal one: the OpenAPI document that Elysia's plugin makes of the routes, and a
// page to read and try it, whose scripts come from here and from nowhere else. What the plugin can't know of a route is
// put right on its way out. Of the public one: a document of its own, which names where that listener is, on a page of
// the same kind; what is tried there goes through this listener (`tryOut.ts`).
import { openapi } from '@elysiajs/openapi'
import { Elysia } from 'elysia'
import type { Log } from '../../base/log.ts'
import { type PublicAddress, publicDocument, publicRoutes } from '../public/document.ts'
import { complete } from './openApiDocument.ts'
import { TRIED_AUTHORIZATION, TRY_PATH, tryOut } from './tryOut.ts'

export interface OpenApiOptions {
  /** False: the listener is on loopback and open to whoever is there. */
  isTokenWanted: boolean
  version: string
  publicAddress: PublicAddress
  log: Log
}

const PATH = '/openapi'

/** The page is Swagger UI's, from its package. */
const ASSETS: Record<string, string> = {
  'swagger-ui.css': 'text/css; charset=utf-8',
  'swagger-ui-bundle.js': 'text/javascript; charset=utf-8',
}

/** Swagger UI has its start and its styles inline, and draws its pictures as data. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self' 'unsafe-inline'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ')

const PAGE_HEADERS = { 'content-security-policy': POLICY, 'x-content-type-options': 'nosniff' }

/** As the plugin makes its own. What is tried goes to this listener, whatever server the document names; the token that
 *  it wants is the live page's, or asked for. */
const publicPage = (isTokenWanted: boolean): string => `<!DOCTYPE html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <title>hookswitch, public API</title>
  <link rel="stylesheet" href="${PATH}/swagger-ui.css">
</head>
<body>
  <div id="swagger-ui"></div>
  <script src="${PATH}/swagger-ui-bundle.js"></script>
  <script>
    function token() {
      const known = sessionStorage.getItem('hookswitch-token') ?? prompt('ADMIN_TOKEN of this listener') ?? ''
      sessionStorage.setItem('hookswitch-token', known)
      return known
    }
    function throughThisListener(request) {
      const { pathname, search } = new URL(request.url, location.href)
      const at = pathname.lastIndexOf('/api/')
      if (at < 0) return request
      const { Authorization, authorization = Authorization, ...headers } = request.headers
      if (authorization) headers['${TRIED_AUTHORIZATION}'] = authorization
      if (${isTokenWanted}) headers.authorization = 'Bearer ' + token()
      const url = location.origin + '${TRY_PATH}' + pathname.slice(at) + search
      return Object.assign(request, { url, headers })
    }
    SwaggerUIBundle({
      url: '${PATH}/public/json',
      dom_id: '#swagger-ui',
      requestInterceptor: throughThisListener,
      showMutatedRequest: false,
    })
  </script>
</body>
</html>
`

/** Open to everybody: there is no data in them. */
export const OPENAPI_PATHS = [
  PATH,
  `${PATH}/json`,
  `${PATH}/public`,
  `${PATH}/public/json`,
  ...Object.keys(ASSETS).map(name => `${PATH}/${name}`),
] as const

const DESCRIPTION = `Makes calls, steers them and shows them; everything goes through Redis, so any process can be asked.

Errors are RFC 9457 problem details (\`application/problem+json\`); bodies are JSON. Without \`ADMIN_TOKEN\` the listener
is on loopback and answers no web pages of other sites; with it, or with \`ADMIN_TOKENS\`, every route but the probes wants one of
them as a bearer token; \`/metrics\` takes \`METRICS_TOKEN\`, too.

PBXs and apps talk to the public listener: [its description](/openapi/public).`

export function openApi({ isTokenWanted, version, publicAddress, log }: OpenApiOptions) {
  const security = !isTokenWanted ? {} : { security: [{ adminToken: [] }] }
  const app = new Elysia({ name: 'openapi' })
    .onAfterHandle({ as: 'scoped' }, ({ path, responseValue, set }) => {
      if (path === PATH) Object.assign(set.headers, PAGE_HEADERS)
      return path === `${PATH}/json` ? complete(responseValue, isTokenWanted) : undefined
    })
    .use(
      openapi({
        path: PATH,
        provider: 'swagger-ui',
        swagger: {
          cdn: `${PATH}/swagger-ui-bundle.js`,
          theme: `${PATH}/swagger-ui.css`,
          autoDarkMode: false,
        },
        documentation: {
          info: { title: 'hookswitch, internal API', version, description: DESCRIPTION },
          servers: [{ url: '/' }],
          ...security,
          tags: [
            { name: 'Calls', description: 'Make, list and follow dialled calls.' },
            {
              name: 'Steering',
              description: 'Commands to a call; each is answered when its agent has answered.',
            },
            { name: 'Switches', description: 'Commands to one switch.' },
            { name: 'Devices', description: 'The phones that an account can be woken on.' },
          ],
          components: {
            ...(!isTokenWanted
              ? {}
              : {
                  securitySchemes: {
                    adminToken: {
                      type: 'http',
                      scheme: 'bearer',
                      description: 'ADMIN_TOKEN, or one of ADMIN_TOKENS',
                    },
                    metricsToken: { type: 'http', scheme: 'bearer', description: 'METRICS_TOKEN' },
                  },
                }),
          },
        },
      }),
    )
  const described = publicDocument(version, publicAddress)
  const page = publicPage(isTokenWanted)
  app
    .get(`${PATH}/public/json`, () => described, { detail: { hide: true } })
    .get(
      `${PATH}/public`,
      () =>
        new Response(page, {
          headers: { 'content-type': 'text/html; charset=utf-8', ...PAGE_HEADERS },
        }),
      { detail: { hide: true } },
    )
    .use(tryOut({ publicUrl: publicAddress.here, routes: publicRoutes(), log }))
  for (const [name, type] of Object.entries(ASSETS)) {
    const file = new URL(import.meta.resolve(`swagger-ui-dist/${name}`))
    app.get(`${PATH}/${name}`, () => new Response(Bun.file(file), { headers: { 'content-type': type } }), {
      detail: { hide: true },
    })
  }
  return app
}
