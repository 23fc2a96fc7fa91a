// The table of all settings: name in the environment, default, limits, and the sentence that users read. docs/settings.md
// and .env.example are made of this table (`npm run docs`). `config.ts` reads the environment by it.
import {
  accountDial,
  choice,
  flag,
  gatewayMap,
  headerMap,
  hostList,
  integer,
  name,
  namedTokens,
  networks,
  optionalDsn,
  optionalSecret,
  optionalText,
  optionalUrl,
  ratio,
  redisAddress,
  seconds,
  secretList,
  text,
} from './kinds.ts'

/** Loopback alone: behind a NAT or a proxy everybody comes from a private address. */
const DEFAULT_PBX_ALLOW = '127.0.0.0/8,::1/128'

/** The settings, by the name the code knows them by. Units are in that name; the environment's names are the
 *  ones that vialer-middleware and redswitch already had, where they had one. */
export const SETTINGS = {
  role: choice(
    'ROLE',
    ['all', 'front', 'agent'],
    'all',
    'What this process does: `front` serves HTTP and holds waits, `agent` drives FreeSWITCH, `all` does both.',
  ),
  host: text('HOST', '0.0.0.0', 'Address of the public listener.'),
  port: integer('PORT', 8080, { min: 0, max: 65_535 }, 'Port of the public listener; 0 takes any free one.'),
  internalHost: text(
    'INTERNAL_HOST',
    '127.0.0.1',
    'Address of the internal listener. Anything but loopback needs `ADMIN_TOKEN`.',
  ),
  internalPort: integer(
    'INTERNAL_PORT',
    9090,
    { min: 0, max: 65_535 },
    'Port of the internal listener: the live page, the API, metrics, readiness.',
  ),
  socketHost: text(
    'SOCKET_HOST',
    '127.0.0.1',
    "Address where FreeSWITCH's dialplan reaches a front with `socket`; `PBX_ALLOW` says which switches may.",
  ),
  socketPort: integer('SOCKET_PORT', 8084, { min: 0, max: 65_535 }, 'Port of the same; 0 switches it off.'),
  adminToken: optionalSecret(
    'ADMIN_TOKEN',
    16,
    'Bearer token for the internal listener, required beyond loopback.',
  ),
  adminTokens: namedTokens(
    'ADMIN_TOKENS',
    16,
    'Further such tokens, one for each operator or program, `name:token,name:token`: the log and the timelines tell by the name who has ordered what.',
  ),
  metricsToken: optionalSecret(
    'METRICS_TOKEN',
    16,
    'Bearer token that opens `/metrics` and the probes of the internal listener, and nothing else: for Prometheus.',
  ),

  redisUrl: redisAddress(
    'PUBSUB_REDIS_URL',
    'redis://127.0.0.1:6379',
    'Redis: `redis://[[user:]password@]host:port`, `rediss://` (TLS), several nodes with commas between (Cluster), or `redis+sentinel://host:port,host:port/name`.',
  ),
  redisConnectTimeoutMs: seconds(
    'PUBSUB_REDIS_TIMEOUT',
    3,
    { min: 0.1, max: 300 },
    'Seconds to wait for a connection to Redis; a server that has vanished is tried again no sooner.',
  ),

  appApiUrl: optionalUrl(
    'APP_API_URL',
    "Where apps reach the public listener: the push's `response_api` begins with it. Without it, this machine at `PORT`.",
  ),
  roundtripWaitMs: integer(
    'APP_PUSH_ROUNDTRIP_WAIT',
    4_000,
    { min: 100, max: 120_000 },
    "Milliseconds a PBX request is held for the app's confirmation.",
  ),
  resendIntervalMs: integer(
    'APP_PUSH_RESEND_INTERVAL',
    1_000,
    { min: 50, max: 120_000 },
    'Milliseconds between two pushes of one wake to a phone at least. A phone that is known to answer later is pushed again when it is overdue by its own history.',
  ),
  appsFile: optionalText(
    'APPS_FILE',
    'JSON file naming the apps and their push credentials. Without it every app is accepted and pushes go to the log.',
  ),
  sendsMessagesOverVoip: flag(
    'APNS_MESSAGE_OVER_VOIP',
    true,
    'A `message` to an iPhone that gave no `alert_token` goes over the VoIP topic, as the published apps expect it. Apple forbids it.',
  ),
  devicesPerAccountMax: integer(
    'DEVICES_PER_ACCOUNT',
    10,
    { min: 1, max: 100 },
    'Devices an account may have; the one unseen for longest makes room.',
  ),
  registrationAccount: choice(
    'REGISTRATION_ACCOUNT',
    ['user', 'user@domain'],
    'user',
    'The account of a phone that registers at FreeSWITCH: its user alone, or with the domain.',
  ),
  registrationKeepMs: seconds(
    'REGISTRATION_KEEP',
    2_592_000,
    { min: 60, max: 315_360_000 },
    'Seconds that a phone which registered by SIP (RFC 8599) is kept as a device after its last REGISTER, unless it unregisters; 30 days.',
  ),
  jwtSecrets: secretList(
    'JWT_SECRETS',
    'Keys of the confirmation tokens, newest first: `kid:secret,kid:secret`, each secret at least 32 characters. Without it the pods share one key through Redis.',
  ),
  isJwtRequired: flag(
    'JWT_REQUIRED',
    false,
    "Apps must answer with the push's token; its `unique_key` alone, which the published apps send, is not enough.",
  ),

  pbxAllow: networks(
    'PBX_ALLOW',
    DEFAULT_PBX_ALLOW,
    'CIDR list of the PBXs: who may post incoming-call, call-ended and registered. Empty: nobody, as when it is not set and `PBX_TOKEN` is. A request with a forwarding header is known by its address only through `TRUST_PROXY`.',
  ),
  pbxToken: optionalSecret('PBX_TOKEN', 16, 'Bearer token that admits a PBX from any address.'),
  trustProxy: networks(
    'TRUST_PROXY',
    '',
    'CIDR list of proxies whose `X-Forwarded-For` or `Forwarded` is believed. Whoever stands in it can claim any address.',
  ),
  authMode: choice(
    'AUTH_MODE',
    ['none', 'upstream', 'jwt'],
    'none',
    'How device routes authenticate: not at all, by asking `AUTH_URL`, or by a bearer JWT.',
  ),
  authUrl: optionalUrl('AUTH_URL', "`AUTH_MODE=upstream`: asked with the request's own `Authorization`."),
  authAccountField: text(
    'AUTH_ACCOUNT_FIELD',
    'account_id',
    '`upstream`: the field of its JSON answer, `jwt`: the claim, that names the account.',
  ),
  authJwksUrl: optionalUrl('AUTH_JWKS_URL', '`AUTH_MODE=jwt`: where the issuer publishes its keys.'),
  authIssuer: optionalText('AUTH_ISSUER', '`AUTH_MODE=jwt`: the issuer that must stand in the token.'),
  authAudience: optionalText('AUTH_AUDIENCE', '`AUTH_MODE=jwt`: the audience that must stand in the token.'),
  rateLimitPerMinute: integer(
    'RATE_LIMIT',
    600,
    { min: 0, max: 10_000_000 },
    'Requests a minute of one client (an IPv4 address, or the /64 of an IPv6 one) on one route of apps; 0 is off.',
  ),

  waitsMax: integer(
    'WAITS_MAX',
    20_000,
    { min: 1, max: 1_000_000 },
    'Requests held at once by this process; 503 beyond.',
  ),
  waitsPerAccountMax: integer(
    'WAITS_PER_ACCOUNT',
    20,
    { min: 1, max: 1_000_000 },
    'Of those, requests held at once for one account; 503 beyond.',
  ),
  streamsMax: integer(
    'STREAMS_MAX',
    20_000,
    { min: 0, max: 1_000_000 },
    'Verdict streams, of phones that ring, held at once by this process; 503 beyond.',
  ),
  waitWorkers: integer('WAIT_WORKERS', 1, { min: 1, max: 64 }, 'Worker threads that hold the waits.'),

  eslSwitches: hostList(
    'ESL_URL',
    '127.0.0.1',
    'FreeSWITCH event sockets, `host` or `host:port`, with commas between; each gets `AGENTS_PER_SWITCH` agents.',
  ),
  eslPort: integer(
    'ESL_PORT',
    8021,
    { min: 1, max: 65_535 },
    'Port of the switches in `ESL_URL` that name none.',
  ),
  eslPassword: text('ESL_PASSWORD', 'ClueCon', "The event sockets' password."),
  agentsPerSwitch: integer(
    'AGENTS_PER_SWITCH',
    1,
    { min: 1, max: 16 },
    'Agents, each a worker thread, for each switch.',
  ),
  jobListAsp: text('JOB_LIST_ASP', 'talkiq-asp.calls', 'Redis list of asp-call jobs.'),
  jobListBot: text('JOB_LIST_BOT', 'talkiq-bot.calls', 'Redis list of bot-call jobs.'),
  jobListLoad: text('JOB_LIST_LOAD', 'talkiq-load.calls', 'Redis list of load-test jobs.'),
  activeKey: choice(
    'ACTIVE_KEY',
    ['dial.org.user', 'org.user.dial'],
    'dial.org.user',
    "Order of the ids in `redswitch.…`, the list of a call's answered sides: as redswitch's README says, or as its code wrote it.",
  ),
  jobAgeMaxMs: seconds(
    'JOB_MAX_AGE',
    60,
    { min: 1, max: 86_400 },
    'Seconds after its `queued_at` at which a job is too old to be dialled.',
  ),
  gateways: gatewayMap('GATEWAYS', 'Gateway by call provider: `provider=gateway,provider=gateway`.'),
  gateway: name(
    'GATEWAY',
    'flowroute',
    'Gateway of the calls whose provider `GATEWAYS` does not name, of bot calls and of bargers.',
  ),
  accountDial: accountDial(
    'ACCOUNT_DIAL',
    'How a job’s account is called once its phones are awake: at their contacts at this switch (with `@<domain>` where accounts have none of their own), or through a gateway.',
  ),
  wakeTimeoutMs: integer(
    'WAKE_TIMEOUT',
    0,
    { min: 0, max: 120_000 },
    'Milliseconds for which the phones of a job’s account are woken; 0 is `APP_PUSH_ROUNDTRIP_WAIT`.',
  ),
  sipProfile: name('SIP_PROFILE', 'external', 'SIP profile of the switch through which SIP URIs are called.'),
  sipHeaderPrefix: name(
    'SIP_HEADER_PREFIX',
    'Accuvit-',
    'What the SIP headers of a call begin with: `…Dial-ID`, `…Dial-Side`, `…Organization-ID`, `…User-ID`.',
  ),
  ringTimeoutSeconds: integer('RING_TIMEOUT', 60, { min: 1, max: 600 }, 'Seconds each leg may ring.'),
  bargersMax: integer(
    'BARGERS_MAX',
    8,
    { min: 0, max: 1_000 },
    'Phones that may barge in on one call at once; each is a session of the switch.',
  ),
  callsMax: integer(
    'CALLS_MAX',
    1_000,
    { min: 1, max: 100_000 },
    'Calls that one agent has at once; it takes no job beyond.',
  ),
  callsPerSecond: integer(
    'CALLS_PER_SECOND',
    30,
    { min: 0, max: 10_000 },
    'Sessions that all agents of a switch begin a second together (an asp-call is two), evenly spaced; less where the switch says that it takes less. 0 is off.',
  ),
  redMode: choice('RED_MODE', ['', 'load-test'], '', '`load-test` takes load-test jobs too.'),
  takeoverMs: integer(
    'TAKEOVER_MS',
    3_000,
    { min: 600, max: 60_000 },
    "Milliseconds within which a dead agent's calls are taken over by another agent of the same switch.",
  ),
  orphanMaxMs: seconds(
    'ORPHAN_MAX',
    300,
    { min: 1, max: 86_400 },
    'Seconds that the calls of a dead agent wait for another agent of their switch; then they are reported as `unknown outcome`.',
  ),
  drainMaxMs: seconds(
    'DRAIN_MAX',
    3_600,
    { min: 1, max: 86_400 },
    'Seconds that a stopping agent waits for its calls to end.',
  ),

  timelinesMax: integer(
    'TIMELINES_MAX',
    50_000,
    { min: 0, max: 10_000_000 },
    'Timelines of wakes and calls that Redis keeps for a day, some 2 KB each; the oldest make room. 0 is off.',
  ),
  otelEndpoint: optionalUrl(
    'OTEL_EXPORTER_OTLP_ENDPOINT',
    'Collector of OpenTelemetry traces, OTLP over HTTP; `/v1/traces` is appended. Without it nothing is traced.',
  ),
  otelHeaders: headerMap(
    'OTEL_EXPORTER_OTLP_HEADERS',
    'Headers of each export, such as its credentials: `name=value,name=value`, values percent-encoded.',
  ),
  otelServiceName: text('OTEL_SERVICE_NAME', 'hookswitch', "The service's name in the traces."),
  otelSampleRatio: ratio(
    'OTEL_TRACES_SAMPLER_ARG',
    1,
    'Part of the traces beginning here that is recorded; one that came with a PBX or a job is as its sender decided.',
  ),
  sentryDsn: optionalDsn(
    'SENTRY_DSN',
    'Sentry, or what speaks like it: unhandled errors and bugs are reported there.',
  ),
  sentryEnvironment: text(
    'SENTRY_ENVIRONMENT',
    'production',
    'The environment that errors are reported for.',
  ),
  logLevel: choice('LOG_LEVEL', ['debug', 'info', 'warn', 'error'], 'info', 'Least level that is logged.'),
  showsFullNumbers: flag(
    'LOG_FULL_NUMBERS',
    false,
    'Shows phone numbers and accounts whole instead of masked, in the log, the timelines and on the live page.',
  ),
} as const
