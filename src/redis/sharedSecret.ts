// Without JWT_SECRETS the pods share one generated key: the first pod writes it, all read it. Whoever can read
// Redis can sign tokens then, as the documentation says.
import { randomBytes } from 'node:crypto'
import type { RedisConnection } from './connect.ts'
import { SHARED_SECRET_KEY } from './keys.ts'
import { reachable } from './scripts.ts'

/** HS256's key is as long as its hash (RFC 7518, 3.2). */
const SECRET_BYTES = 32

/** The pods' common secret, made if there is none. @throws RedisUnavailable */
export async function sharedSecret(redis: RedisConnection): Promise<string> {
  await reachable(redis.set(SHARED_SECRET_KEY, randomBytes(SECRET_BYTES).toString('base64url'), 'NX'))
  const secret = await reachable(redis.get(SHARED_SECRET_KEY))
  if (secret === null) throw new Error('Redis lost the shared secret between two commands')
  return secret
}
