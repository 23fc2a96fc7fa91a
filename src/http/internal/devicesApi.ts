// Shows an account's devices to an operator who was asked why a phone does not ring. Push tokens are secrets: a
// fingerprint is enough to compare one with what an app logs.
import { Elysia, t } from 'elysia'
import { type Device, type DeviceStore, idOfToken } from '../../redis/devices/devices.ts'
import { habitOf, readHistory } from '../../wake/answerHistory.ts'
import { account } from '../public/forms.ts'
import { problem, redisAway } from './callAnswers.ts'
import { checked } from './checked.ts'

export interface DevicesApiOptions {
  devices: Pick<DeviceStore, 'list'>
}

const devicesSchema = t.Object(
  {
    sip_user_id: t.String(),
    devices: t.Array(
      t.Object({
        device_id: t.String({ description: 'The app’s own, or one that is derived from its token.' }),
        platform: t.String({ description: '`apns`, `gcm` or `android`.' }),
        app: t.String(),
        token_fingerprint: t.String({
          description: '`t-` and the first 16 hexadecimal digits of the push token’s SHA-256.',
        }),
        sandbox: t.Boolean(),
        name: t.Nullable(t.String()),
        os_version: t.Nullable(t.String()),
        client_version: t.Nullable(t.String()),
        remote_logging_id: t.Nullable(t.String()),
        usually_answers_within_ms: t.Nullable(
          t.Integer({
            description: 'Of its answers to pushes 95 % come within this time; null: too few are known.',
          }),
        ),
        registered_at: t.String({ description: 'RFC 3339.' }),
        last_seen: t.String({ description: 'RFC 3339.' }),
      }),
    ),
  },
  {
    title: 'Devices',
    description: 'The account’s devices; none is an empty list.',
    examples: [
      {
        sip_user_id: '123456789',
        devices: [
          {
            device_id: 't-0a1b2c3d4e5f6071',
            platform: 'android',
            app: 'com.example.phone',
            token_fingerprint: 't-0a1b2c3d4e5f6071',
            sandbox: false,
            name: null,
            os_version: '16',
            client_version: '4.2.0',
            remote_logging_id: null,
            usually_answers_within_ms: 900,
            registered_at: '2026-11-22T08:00:00.000Z',
            last_seen: '2026-11-22T09:00:00.000Z',
          },
        ],
      },
    ],
  },
)

const params = checked(
  t.Object({ sip_user_id: t.String({ description: 'The account.', examples: ['123456789'] }) }),
  ({ sip_user_id: given }) =>
    account.read(given) === undefined ? [{ field: 'sip_user_id', detail: `must be ${account.expects}` }] : [],
)

export function devicesApi({ devices }: DevicesApiOptions) {
  return new Elysia({ name: 'devices' }).get(
    '/api/devices/:sip_user_id',
    async ({ params: { sip_user_id } }) => ({
      sip_user_id,
      devices: (await devices.list(sip_user_id)).map(viewOf),
    }),
    {
      params,
      response: {
        200: devicesSchema,
        400: problem(400, {
          description: 'The account is none.',
          detail: `sip_user_id must be ${account.expects}`,
          field: 'sip_user_id',
        }),
        503: redisAway,
      },
      detail: { tags: ['Devices'], operationId: 'listDevices', summary: 'Show the devices of an account' },
    },
  )
}

const viewOf = (device: Device) => ({
  device_id: device.id,
  platform: device.platform,
  app: device.app,
  token_fingerprint: idOfToken(device.token),
  sandbox: device.isSandbox,
  name: device.name ?? null,
  os_version: device.osVersion ?? null,
  client_version: device.clientVersion ?? null,
  remote_logging_id: device.remoteLoggingId ?? null,
  usually_answers_within_ms: habitOf(readHistory(device.answers))?.usualMs ?? null,
  registered_at: new Date(device.registeredAtMs).toISOString(),
  last_seen: new Date(device.lastSeenMs).toISOString(),
})
