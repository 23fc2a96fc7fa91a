// The routes of the public listener, described for those who write PBX dialplans and apps: summaries, examples, answers.
// `document.ts` makes the OpenAPI document of them; the fields of the bodies are described by the forms themselves.
import { PLATFORMS } from '../../push/push.ts'
import type { Form } from '../form.ts'
import * as forms from './forms.ts'
import { VERDICT_WAIT_SECONDS_MAX } from './verdictStream.ts'

export type Json = Record<string, unknown>

/** One operation. */
export interface Route {
  tag: 'PBX' | 'App'
  operationId: string
  summary: string
  description?: string
  /** Its body; a route without one is asked by its query. */
  form?: Form
  example?: Json
  query?: Json[]
  /** By status: what it means, and the example of its body if it has one. */
  answers: Record<number, string | { description: string; body: unknown; type?: string }>
  security?: Json[]
}

const parameter = (name: string, description: string): Json => ({
  name,
  in: 'query',
  description,
  schema: { type: 'string' },
})

const device = { sip_user_id: '123456789', token: '4f'.repeat(32), app: 'com.example.phone' }
/** The routes of apps that AUTH_MODE guards. */
export const appSecurity = [{ appCredentials: [] }, {}]
const noDevice = { 200: 'Done.', 404: 'No such device.' }

const DEVICE_ROUTES = Object.fromEntries(
  PLATFORMS.map(platform => [
    `/api/${platform}-device/`,
    {
      post: {
        tag: 'App',
        operationId: `register-${platform}`,
        summary: `Register a phone (${platform})`,
        description: 'At every start, at every new push token. An update replaces the whole device.',
        form: forms.deviceForms[platform],
        example: { ...device, device_id: 'install-7f3a', os_version: '18.1' },
        answers: { 201: 'Created.', 200: 'Updated.', 404: 'No such app for this platform.' },
        security: appSecurity,
      },
      delete: {
        tag: 'App',
        operationId: `remove-${platform}`,
        summary: `Sign a phone off (${platform})`,
        form: forms.deviceRemovalForm,
        example: device,
        answers: noDevice,
        security: appSecurity,
      },
    } satisfies Record<string, Route>,
  ]),
)

/** By path, then by method in lower case. */
export const ROUTES: Record<string, Record<string, Route>> = {
  '/api/incoming-call/': {
    post: {
      tag: 'PBX',
      operationId: 'incomingCall',
      summary: 'Wake an account’s phones, and wait for one to confirm',
      description:
        'Held for APP_PUSH_ROUNDTRIP_WAIT at most. The reason is in the header `x-hookswitch-reason`. To a client ' +
        'that prefers JSON to text the answer is an object.',
      form: forms.incomingCallForm,
      example: { sip_user_id: '123456789', phonenumber: '0123456789', caller_id: 'Ann', call_id: 'call-1' },
      answers: {
        200: {
          description: 'Dial the phone, or do not: `status=NAK`.',
          body: 'status=ACK',
          type: 'text/plain',
        },
        403: 'Not from a PBX.',
      },
      security: [{ pbxToken: [] }, {}],
    },
  },
  '/api/call-ended/': {
    post: {
      tag: 'PBX',
      operationId: 'callEnded',
      summary: 'The call is over before a phone confirmed',
      form: forms.callEndedForm,
      example: { call_id: 'call-1', reason: 'caller_hangup' },
      answers: { 200: 'The phones are told.', 403: 'Not from a PBX.', 404: 'No such call.' },
      security: [{ pbxToken: [] }, {}],
    },
  },
  '/api/registered/': {
    post: {
      tag: 'PBX',
      operationId: 'registered',
      summary: 'A phone has registered by SIP',
      description:
        'What RFC 8599 says in its Contact becomes a device (`created`, `updated`), which `expires` 0 takes out again ' +
        '(`removed`), and confirms the wakes that pushed this phone and wait. `none`: nothing was said of push, ' +
        'badly, or for an app that APPS_FILE does not have. The contact is as it was on the wire.',
      form: forms.registeredForm,
      example: {
        sip_user_id: '123456789',
        contact:
          '<sip:123456789@192.0.2.7:5060;transport=tcp;pn-provider=fcm;pn-param=example-project;pn-prid=c0ffee:APA91b>',
        expires: 600,
        user_agent: 'ExamplePhone/1',
      },
      answers: {
        200: { description: 'What became of it.', body: { device: 'created', confirmed: 0 } },
        403: 'Not from a PBX.',
      },
      security: [{ pbxToken: [] }, {}],
    },
  },
  '/api/call-response/': {
    post: {
      tag: 'App',
      operationId: 'callResponse',
      summary: 'The phone is ready for the call, or not',
      description:
        'Posted to the `response_api` of the push, or with its token as the bearer, or with its `unique_key` alone. A ' +
        'repeated answer gets the first verdict again. `message_start_time` is the push’s own: it says which push is answered. ' +
        '`push_priority` is the priority with which the push arrived; what is neither `high` nor `normal` is ignored.',
      form: forms.callResponseForm,
      example: {
        unique_key: '5d41402abc4b2a76b9719d911017c592',
        message_start_time: 1764000000.123,
        available: true,
        push_priority: 'high',
      },
      answers: {
        202: { description: 'The call comes.', body: { verdict: 'proceed' } },
        404: { description: 'It does not; the verdict says why.', body: { verdict: 'answered_elsewhere' } },
        401: 'A bearer token that names us as its issuer is forged, or for another call. Nothing else is.',
      },
      security: [{ confirmationToken: [] }, {}],
    },
    get: {
      tag: 'App',
      operationId: 'verdict',
      summary: 'How the call stands: a stream while the phone rings, or one answer',
      description:
        'With `Accept: text/event-stream` server-sent events: `event: verdict`, `data: {"verdict":"ringing"}`, first how it ' +
        'stands, then each change (`proceed`, `ended`, `answered_elsewhere`, `expired`), and a comment every 15 s. It ends ' +
        'with the last word, or 60 s after `proceed`. Otherwise one JSON object, with `wait` as soon as the verdict is ' +
        'something other than `than`.',
      query: [
        parameter('token', 'The token of the push, if it is not the bearer’s.'),
        parameter('unique_key', 'The `unique_key` of the push, in place of a token.'),
        parameter('wait', `Seconds that the answer may be held, at most ${VERDICT_WAIT_SECONDS_MAX}.`),
        parameter('than', 'The verdict that is known already.'),
      ],
      answers: {
        200: { description: 'How it stands.', body: { verdict: 'ringing' } },
        404: { description: 'No such call, or it is over for good.', body: { verdict: 'unknown' } },
        401: 'A bearer token that names us as its issuer is forged, or for another call. Nothing else is.',
      },
      security: [{ confirmationToken: [] }, {}],
    },
  },
  ...DEVICE_ROUTES,
  '/api/check-in/': {
    post: {
      tag: 'App',
      operationId: 'checkIn',
      summary: 'The app lives: its phones were seen now',
      form: forms.checkInForm,
      example: { sip_user_id: '123456789' },
      answers: noDevice,
      security: appSecurity,
    },
  },
  '/api/hangup-reason/': {
    post: {
      tag: 'App',
      operationId: 'hangupReason',
      summary: 'Why the app did not take a call',
      form: forms.hangupReasonForm,
      example: {
        sip_user_id: '123456789',
        unique_key: '5d41402abc4b2a76b9719d911017c592',
        reason: 'declined',
      },
      answers: noDevice,
      security: appSecurity,
    },
  },
  '/api/log-metrics/': {
    post: {
      tag: 'App',
      operationId: 'logMetrics',
      summary: 'Statistics of a call, for the counters',
      description:
        'Further fields: `os`, `os_version`, `app_version`, `network`, `network_operator`, `connection_type`, ' +
        '`direction`, `call_setup_successful`, `codec`, `mos`, `failed_reason`, `hangup_reason`.',
      form: forms.logMetricsForm,
      example: { sip_user_id: '123456789', os: 'android', call_setup_successful: 'true' },
      answers: { 200: 'Counted.' },
      security: appSecurity,
    },
  },
}
