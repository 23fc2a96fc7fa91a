// Says in a person's words what the kernel and the libraries mean by their errors. Some of their texts advise the wrong
// reader ("Please report this") or name options that nobody here can set. The code in parentheses stays, for whoever
// looks it up. What is not known here keeps its own text: Redis' and the vendors' answers are meant to be read.

/** By `code`: of Node's system errors (errno(3), getaddrinfo(3)), of TLS (OpenSSL's verify codes) and of Bun's fetch. */
const BY_CODE: Record<string, string> = {
  ECONNREFUSED: 'nobody listens there',
  ConnectionRefused: 'nobody listens there',
  ECONNRESET: 'the other side cut the connection',
  EPIPE: 'the other side cut the connection',
  ConnectionClosed: 'the other side cut the connection',
  ENOTFOUND: 'the DNS knows no such name',
  FailedToOpenSocket: 'the DNS knows no such name, or no way leads there',
  EAI_AGAIN: 'the DNS does not answer',
  ETIMEDOUT: 'no connection in time',
  EHOSTUNREACH: 'no way leads there',
  ENETUNREACH: 'no way leads there',
  EHOSTDOWN: 'that machine is down',
  EPROTO: 'no TLS is spoken there',
  ERR_SSL_WRONG_VERSION_NUMBER: 'no TLS is spoken there',
  CERT_HAS_EXPIRED: 'its certificate has run out',
  CERT_NOT_YET_VALID: 'its certificate is not valid yet',
  ERR_TLS_CERT_ALTNAME_INVALID: 'its certificate is for another name',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'its certificate is signed by itself alone',
  SELF_SIGNED_CERT_IN_CHAIN: 'its certificate is signed by an authority that this machine does not know',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    'its certificate is signed by an authority that this machine does not know',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    'its certificate is signed by an authority that this machine does not know',
}

/** By text: what has no code. ioredis, and the platform's fetch. The first that fits. */
const BY_TEXT: readonly (readonly [text: RegExp, words: string])[] = [
  [/^Stream isn't writeable/, 'there is no connection'],
  [/^Reached the max retries per request limit/, 'there is no connection'],
  [/^Connection is closed/, 'the connection is closed'],
  [/^Command timed out/, 'no answer in time'],
  [/^Socket timeout\. Expecting data/, 'it says nothing'],
  [/^(Protocol error, got |Unknown RESP type)/, "what answers there does not speak Redis' protocol"],
  [/^All sentinels are unreachable/, 'none of the Sentinels can be asked'],
  [/^(None of startup nodes is available|Failed to refresh slots cache)/, 'none of the nodes can be asked'],
  [/^The operation (timed out|was aborted due to timeout)/, 'no answer in time'],
  [/^(Failed to parse JSON|JSON Parse error|Unexpected end of JSON)/, 'what it answers is no JSON'],
  [/Is the computer able to access the url/, 'nobody can be reached there'],
  [/^The socket connection was closed unexpectedly/, 'the other side cut the connection'],
]

/** @returns undefined where the error's own text is the best that there is. */
export function failureWords(error: Error): string | undefined {
  const code = codeOf(error)
  const byCode = code === undefined ? undefined : BY_CODE[code]
  if (byCode !== undefined) return `${byCode} (${code})`
  return BY_TEXT.find(([text]) => text.test(error.message))?.[1]
}

/** Several addresses of one name were tried: the last one's failure counts, they are alike. */
function codeOf(error: Error & { code?: unknown }): string | undefined {
  if (typeof error.code === 'string') return error.code
  const last: unknown = error instanceof AggregateError ? error.errors.at(-1) : undefined
  return last instanceof Error ? codeOf(last) : undefined
}
