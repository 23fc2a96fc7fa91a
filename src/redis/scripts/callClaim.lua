-- Claims a dial id for a call and writes all that a survivor needs, before the originate is sent.
-- KEYS: call, revoked agents.   ARGV: agent, expiry ms, field, value, field, value …
-- Returns 'claimed', 'duplicate' (a call of that dial id lives) or 'revoked' (the job was taken from this agent).
if redis.call('SISMEMBER', KEYS[2], ARGV[1]) == 1 then return 'revoked' end
if redis.call('EXISTS', KEYS[1]) == 1 then return 'duplicate' end
redis.call('HSET', KEYS[1], unpack(ARGV, 3))
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 'claimed'
