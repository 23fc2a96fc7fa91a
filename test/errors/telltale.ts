// What the message of an error may quote, and nobody outside may see.

export const SECRETS = {
  number: '+31612345678',
  account: '100200300',
  redisPassword: 'redis-password-never-shown',
  jwt: 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMDAyMDAzMDAifQ.c2lnbmF0dXJl',
  adminToken: 'admin-token-never-shown',
  pushToken: 'push-token-never-shown',
}

export const TELLTALE = [
  `call from ${SECRETS.number} for ${SECRETS.account}`,
  `at redis://user:${SECRETS.redisPassword}@10.0.0.5:6379`,
  `with Bearer ${SECRETS.jwt}`,
  `response_api https://example.com/?token=${SECRETS.jwt}`,
  `pushToken: "${SECRETS.pushToken}"`,
  `${SECRETS.adminToken}`,
].join(', ')
