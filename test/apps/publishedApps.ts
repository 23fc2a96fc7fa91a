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

/** In what the apps differ. */
interface Habits {
  name: string
  platform: 'apns' | 'android'
  isResentTo: boolean
  /** JSON bodies; forms otherwise. */
  isJson?: boolean
  /** A host that the app names in every request, whatever the push says. */
  ownHost?: string
  /** What it says of the device beside its account, token and id. */
  device: Fields
  /** Whether it rings for such a push. */
  ringsFor(push: Push): boolean
  /** Where it posts its answer. */
  answerUrl(push: Push): string
  /** How it spells true and false. */
  spell(isTrue: boolean): string
  /** Its answer names the account. */
  namesAccount: boolean
  /** What it says of a call beside the account and the key. */
  statistics: Fields
}

function createApp(settings: AppSettings, habits: Habits): PublishedApp {
  const { baseUrl, account, pushToken, email } = settings
  const { name, platform, isResentTo, isJson = false, ownHost } = habits
  const heard: Heard[] = []
  const shown: string[] = []
  let isLoggedOut = false

  async function send(what: string, url: string, fields: Fields, method = 'POST'): Promise<Heard> {
    if (isLoggedOut) throw new Error(`logged out, and could not send ${what}`)
    const headers: Fields = { authorization: `Token ${email}:0123456789abcdef` }
    if (ownHost !== undefined) headers.host = ownHost
    if (isJson) headers['content-type'] = 'application/json'
    const body = isJson ? JSON.stringify(fields) : new URLSearchParams(fields)
    const response = await fetch(url, { method, headers, body })
    const text = await response.text()
    const { verdict } = text.startsWith('{') ? (JSON.parse(text) as { verdict?: string }) : {}
    const said: Heard = { what, status: response.status, ...(verdict === undefined ? {} : { verdict }) }
    heard.push(said)
    if (response.status === 401) isLoggedOut = true
    return said
  }

  const device = { sip_user_id: account, token: pushToken, app: APP_ID }
  const deviceUrl = `${baseUrl}/api/${platform}-device/`
  const about = (push: Push) => ({ sip_user_id: account, unique_key: String(push.unique_key) })
  const statusOf = async (answer: Promise<Heard>) => (await answer).status

  return {
    name,
    platform,
    isResentTo,
    heard,
    get isLoggedOut() {
      return isLoggedOut
    },
    shown,
    register: () => statusOf(send('register', deviceUrl, { ...device, ...habits.device })),
    signOff: () => statusOf(send('sign off', deviceUrl, device, 'DELETE')),
    receive(push) {
      if (push.type === 'message' && String(push.message).startsWith(REPLACED))
        shown.push(String(push.message))
      return push.type === 'call' && habits.ringsFor(push)
    },
    answer: (push, isAvailable) =>
      send('answer', habits.answerUrl(push), {
        unique_key: String(push.unique_key),
        message_start_time: String(push.message_start_time),
        available: habits.spell(isAvailable),
        ...(habits.namesAccount ? { sip_user_id: account } : {}),
      }),
    explain: (push, reason) =>
      statusOf(send('explain', `${baseUrl}/api/hangup-reason/`, { ...about(push), reason })),
    report: push =>
      statusOf(send('report', `${baseUrl}/api/log-metrics/`, { ...about(push), ...habits.statistics })),
  }
}

/** Python's spelling, which the middleware of old understood. */
const pythonic = (isTrue: boolean): string => (isTrue ? 'True' : 'False')

/** 8-4-4-4-12; undefined for what is no UUID, and then the push is dropped. */
function uuidOf(uniqueKey: string): string | undefined {
  const found = /^([0-9a-f]{8})([0-9a-f]{4})([0-9a-f]{4})([0-9a-f]{4})([0-9a-f]{12})$/i.exec(uniqueKey)
  return found?.slice(1).join('-').toUpperCase()
}

/** Takes `response_api` for a base URL and posts without its query; makes a UUID of `unique_key`. */
export const createVialerIos = (settings: AppSettings): PublishedApp =>
  createApp(settings, {
    name: 'vialer-ios',
    platform: 'apns',
    isResentTo: false,
    device: {
      name: 'iPhone',
      os_version: '15.7',
      client_version: '6.10.0 (123)',
      sandbox: pythonic(false),
      push_profile: 'once',
      remote_logging_id: 'abcdef',
    },
    ringsFor: push => uuidOf(String(push.unique_key)) !== undefined,
    answerUrl: push => `${new URL(String(push.response_api)).origin}/api/call-response/`,
    spell: pythonic,
    namesAccount: true,
    statistics: {
      os: 'iOS',
      os_version: '15.7',
      app_version: '6.10.0',
      network: 'Wifi',
      direction: 'Incoming',
      connection_type: 'TLS',
      call_setup_successful: 'true',
      codec: 'opus',
      mos: '4.3',
    },
  })

/** Posts to a host of its own, whatever `response_api` says, without a query. */
export const createVialerAndroid = (settings: AppSettings): PublishedApp =>
  createApp(settings, {
    name: 'vialer-android',
    platform: 'android',
    isResentTo: true,
    ownHost: 'middleware.example.com',
    device: { name: settings.email, os_version: '12', client_version: '6.12.1' },
    ringsFor: push => Boolean(push.unique_key) && Boolean(push.phonenumber),
    answerUrl: () => `${settings.baseUrl}/api/call-response/`,
    spell: pythonic,
    namesAccount: false,
    statistics: {
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
  })

/** The app of 2024: JSON to `response_api` as it stands; its Android half fails without `vg_cid`. */
export const createOpenVoipApp = (settings: AppSettings, platform: 'apns' | 'android'): PublishedApp =>
  createApp(settings, {
    name: `the app of 2024 on ${platform === 'apns' ? 'iOS' : 'Android'}`,
    platform,
    isResentTo: false,
    isJson: true,
    device: {
      name: settings.email,
      os_version: '17.4',
      client_version: '7.20.0',
      push_profile: 'once',
      dnd: 'false',
      app_startup_timestamp: '2024-05-01T12:00:00.000Z',
    },
    ringsFor(push) {
      if (platform === 'apns') return uuidOf(String(push.unique_key)) !== undefined
      if (typeof push.vg_cid !== 'string') throw new Error('no vg_cid in the push')
      return true
    },
    answerUrl: push => String(push.response_api),
    spell: String,
    namesAccount: true,
    statistics: {
      os: platform === 'apns' ? 'ios' : 'android',
      app_version: '7.20.0',
      hangup_reason: 'remote',
    },
  })
