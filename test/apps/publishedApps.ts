// The apps that are published, as clients: what vialer-ios, vialer-android and the open-voip-alliance app of 2024 send and
// look for, by what is known of their sources. Nothing here knows hookswitch's own client code, and nothing is adapted to
// what it answers: an app that hears 401 logs its user out, as they all do.

/** What a push brings, as the platform hands it over. */
export type Push = Record<string, unknown>

/** One answer of the service to an app. */
export interface Heard {
  what: string
  status: number
  verdict?: string
}

export interface PublishedApp {
  name: string
  platform: 'apns' | 'android'
  /** Whether it wants a push to be sent again. */
  isResentTo: boolean
  /** Everything that the service said to it. */
  heard: Heard[]
  /** A 401 has ended its session: it does nothing any more. */
  isLoggedOut: boolean
  /** Messages shown to the user. */
  shown: string[]
  register(): Promise<number>
  signOff(): Promise<number>
  /** @returns whether it rings; a push that it can't use is dropped. */
  receive(push: Push): boolean
  answer(push: Push, isAvailable: boolean): Promise<Heard>
  /** It tells later why it did not take the call. */
  explain(push: Push, reason: string): Promise<number>
  /** Its statistics of a call. */
  report(push: Push): Promise<number>
}

export interface AppSettings {
  /** Where it registers. */
  baseUrl: string
  account: string
  pushToken: string
  email: string
}

const APP_ID = 'com.example.phone'
const REPLACED = 'An other device has registered for the same account'

type Fields = Record<string, string>

/** What the three have in common: sessions, and what a 401 does to them. */
function createSession({ email }: AppSettings, isJson: boolean) {
  const heard: Heard[] = []
  const state = { isLoggedOut: false }

  async function send(what: string, url: string, fields: Fields, init: RequestInit = {}): Promise<Heard> {
    if (state.isLoggedOut) throw new Error(`logged out, and could not send ${what}`)
    const headers: Fields = { authorization: `Token ${email}:0123456789abcdef`, ...(init.headers as Fields) }
    if (isJson) headers['content-type'] = 'application/json'
    const body = isJson ? JSON.stringify(fields) : new URLSearchParams(fields)
    const response = await fetch(url, { method: 'POST', ...init, headers, body })
    const text = await response.text()
    const { verdict } = text.startsWith('{') ? (JSON.parse(text) as { verdict?: string }) : {}
    const said: Heard = { what, status: response.status, ...(verdict === undefined ? {} : { verdict }) }
    heard.push(said)
    if (response.status === 401) state.isLoggedOut = true
    return said
  }

  return { heard, state, send }
}

/** Python's spelling, which the middleware of old understood. */
const pythonic = (isTrue: boolean): string => (isTrue ? 'True' : 'False')

/** Takes `response_api` for a base URL and posts without its query; makes a UUID of `unique_key`. */
export function createVialerIos(settings: AppSettings): PublishedApp {
  const { baseUrl, account, pushToken } = settings
  const { heard, state, send } = createSession(settings, false)
  const device = { sip_user_id: account, token: pushToken, app: APP_ID }
  const shown: string[] = []
  return {
    name: 'vialer-ios',
    platform: 'apns',
    isResentTo: false,
    heard,
    get isLoggedOut() {
      return state.isLoggedOut
    },
    shown,
    register: async () =>
      (
        await send('register', `${baseUrl}/api/apns-device/`, {
          ...device,
          name: 'iPhone',
          os_version: '15.7',
          client_version: '6.10.0 (123)',
          sandbox: pythonic(false),
          push_profile: 'once',
          remote_logging_id: 'abcdef',
        })
      ).status,
    signOff: async () =>
      (await send('sign off', `${baseUrl}/api/apns-device/`, device, { method: 'DELETE' })).status,
    receive(push) {
      if (push.type === 'message') {
        if (String(push.message).startsWith(REPLACED)) shown.push(String(push.message))
        return false
      }
      return push.type === 'call' && uuidOf(String(push.unique_key)) !== undefined
    },
    answer(push, isAvailable) {
      const { origin } = new URL(String(push.response_api))
      return send('answer', `${origin}/api/call-response/`, {
        unique_key: String(push.unique_key),
        message_start_time: String(push.message_start_time),
        available: pythonic(isAvailable),
        sip_user_id: account,
      })
    },
    explain: async (push, reason) =>
      (
        await send('explain', `${baseUrl}/api/hangup-reason/`, {
          sip_user_id: account,
          unique_key: String(push.unique_key),
          reason,
        })
      ).status,
    report: async push =>
      (
        await send('report', `${baseUrl}/api/log-metrics/`, {
          sip_user_id: account,
          unique_key: String(push.unique_key),
          os: 'iOS',
          os_version: '15.7',
          app_version: '6.10.0',
          network: 'Wifi',
          direction: 'Incoming',
          connection_type: 'TLS',
          call_setup_successful: 'true',
          codec: 'opus',
          mos: '4.3',
        })
      ).status,
  }
}

/** 8-4-4-4-12; undefined for what is no UUID, and then the push is dropped. */
function uuidOf(uniqueKey: string): string | undefined {
  const found = /^([0-9a-f]{8})([0-9a-f]{4})([0-9a-f]{4})([0-9a-f]{4})([0-9a-f]{12})$/i.exec(uniqueKey)
  return found?.slice(1).join('-').toUpperCase()
}

/** Posts to a host of its own, whatever `response_api` says, without a query. */
export function createVialerAndroid(settings: AppSettings): PublishedApp {
  const { baseUrl, account, pushToken } = settings
  const { heard, state, send } = createSession(settings, false)
  const ownHost = { headers: { host: 'middleware.example.com' } }
  const device = { sip_user_id: account, token: pushToken, app: APP_ID }
  const shown: string[] = []
  return {
    name: 'vialer-android',
    platform: 'android',
    isResentTo: true,
    heard,
    get isLoggedOut() {
      return state.isLoggedOut
    },
    shown,
    register: async () =>
      (
        await send(
          'register',
          `${baseUrl}/api/android-device/`,
          { ...device, name: settings.email, os_version: '12', client_version: '6.12.1' },
          ownHost,
        )
      ).status,
    signOff: async () =>
      (await send('sign off', `${baseUrl}/api/android-device/`, device, { ...ownHost, method: 'DELETE' }))
        .status,
    receive(push) {
      if (push.type === 'message') {
        if (String(push.message).startsWith(REPLACED)) shown.push(String(push.message))
        return false
      }
      return push.type === 'call' && Boolean(push.unique_key) && Boolean(push.phonenumber)
    },
    answer: (push, isAvailable) =>
      send(
        'answer',
        `${baseUrl}/api/call-response/`,
        {
          unique_key: String(push.unique_key),
          message_start_time: String(push.message_start_time),
          available: pythonic(isAvailable),
        },
        ownHost,
      ),
    explain: async (push, reason) =>
      (
        await send(
          'explain',
          `${baseUrl}/api/hangup-reason/`,
          { sip_user_id: account, unique_key: String(push.unique_key), reason },
          ownHost,
        )
      ).status,
    report: async push =>
      (
        await send(
          'report',
          `${baseUrl}/api/log-metrics/`,
          {
            sip_user_id: account,
            unique_key: String(push.unique_key),
            os: 'Android',
            os_version: '12',
            app_version: '6.12.1',
            network: '4G',
            network_operator: 'Example',
            direction: 'Incoming',
            connection_type: 'TCP',
            call_setup_successful: 'false',
            failed_reason: 'OK_MIDDLEWARE_NO_CALL',
          },
          ownHost,
        )
      ).status,
  }
}

/** The app of 2024: JSON to `response_api` as it stands; its Android half fails without `vg_cid`. */
export function createOpenVoipApp(settings: AppSettings, platform: 'apns' | 'android'): PublishedApp {
  const { baseUrl, account, pushToken } = settings
  const { heard, state, send } = createSession(settings, true)
  const device = { sip_user_id: account, token: pushToken, app: APP_ID }
  const route = platform === 'apns' ? 'apns-device' : 'android-device'
  const shown: string[] = []
  return {
    name: `the app of 2024 on ${platform === 'apns' ? 'iOS' : 'Android'}`,
    platform,
    isResentTo: false,
    heard,
    get isLoggedOut() {
      return state.isLoggedOut
    },
    shown,
    register: async () =>
      (
        await send('register', `${baseUrl}/api/${route}/`, {
          ...device,
          name: settings.email,
          os_version: '17.4',
          client_version: '7.20.0',
          push_profile: 'once',
          dnd: 'false',
          app_startup_timestamp: '2024-05-01T12:00:00.000Z',
        })
      ).status,
    signOff: async () =>
      (await send('sign off', `${baseUrl}/api/${route}/`, device, { method: 'DELETE' })).status,
    receive(push) {
      if (push.type === 'message') {
        if (String(push.message).startsWith(REPLACED)) shown.push(String(push.message))
        return false
      }
      if (push.type !== 'call') return false
      if (platform === 'android' && typeof push.vg_cid !== 'string') throw new Error('no vg_cid in the push')
      return platform === 'android' || uuidOf(String(push.unique_key)) !== undefined
    },
    answer: (push, isAvailable) =>
      send('answer', String(push.response_api), {
        unique_key: String(push.unique_key),
        message_start_time: String(push.message_start_time),
        available: String(isAvailable),
        sip_user_id: account,
      }),
    explain: async (push, reason) =>
      (
        await send('explain', `${baseUrl}/api/hangup-reason/`, {
          sip_user_id: account,
          unique_key: String(push.unique_key),
          reason,
        })
      ).status,
    report: async push =>
      (
        await send('report', `${baseUrl}/api/log-metrics/`, {
          sip_user_id: account,
          unique_key: String(push.unique_key),
          os: platform === 'apns' ? 'ios' : 'android',
          app_version: '7.20.0',
          hangup_reason: 'remote',
        })
      ).status,
  }
}
