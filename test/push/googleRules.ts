// What FCM checks of a message before it takes it (REST reference, projects.messages; "FCM error codes"). Only the
// fields that a wake can use are known here: any other is refused as FCM refuses a field that does not exist.
import type { ReceivedFcmMessage } from './fcmStub.ts'

export interface GoogleDetail {
  '@type': string
  errorCode?: string
  fieldViolations?: { field: string; description: string }[]
}

interface MessageVerdict {
  message: ReceivedFcmMessage
  refusal: { message: string; details: GoogleDetail[] } | undefined
}

const DATA_BYTES_MAX = 4_096
const TARGETS = ['token', 'topic', 'condition', 'fid']
const FIELDS: Record<string, string[]> = {
  '': ['message', 'validate_only'],
  message: [...TARGETS, 'name', 'data', 'android', 'notification', 'fcm_options'],
  'message.android': ['collapse_key', 'priority', 'ttl', 'restricted_package_name', 'data', 'direct_boot_ok'],
}

export function refusalOfMessage(body: unknown): MessageVerdict {
  const request = body as { message?: ReceivedFcmMessage }
  const message = (request.message ?? {}) as ReceivedFcmMessage
  return { message, refusal: findRefusal(request, message) }
}

function findRefusal(request: object, message: ReceivedFcmMessage): MessageVerdict['refusal'] {
  const { data = {}, android = {} } = message
  for (const [path, value] of Object.entries({ '': request, message, 'message.android': android }))
    for (const name of Object.keys(value))
      if (!FIELDS[path]?.includes(name))
        return violation(path, `Invalid JSON payload received. Unknown name "${name}" at '${path}'.`)
  if (TARGETS.filter(target => target in message).length !== 1)
    return violation('message', 'Recipient of the message is not set, or set twice.')
  for (const [key, value] of Object.entries(data)) {
    if (typeof value !== 'string')
      return violation(`message.data[${key}]`, 'Invalid value, must be a string.')
    if (/^(?:from|message_type|gcm.*|google.*)$/.test(key))
      return violation(`message.data[${key}]`, `Invalid data payload key: ${key}`)
  }
  const bytes = Object.entries(data).reduce((sum, pair) => sum + Buffer.byteLength(pair.join('')), 0)
  if (bytes > DATA_BYTES_MAX) return violation('message', 'Android message is too big')
  if (!/^(?:high|normal)?$/i.test(String(android.priority ?? '')))
    return violation('message.android.priority', 'Invalid value at message.android.priority')
  if (!/^\d+(?:\.\d{1,9})?s$/.test(String(android.ttl ?? '0s')))
    return violation('message.android.ttl', 'Invalid duration format')
  return undefined
}

const violation = (field: string, description: string) => ({
  message: description,
  details: [
    { '@type': 'type.googleapis.com/google.rpc.BadRequest', fieldViolations: [{ field, description }] },
  ],
})
