-- Claims a dial id for a call and writes all that a survivor needs, before the originate is sent.
-- KEYS[1]: call
-- KEYS[2]: revoked agents
-- KEYS[3]: outside a Cluster, the agent's calls
-- ARGV[1]: agent
-- ARGV[2]: dial id
-- ARGV[3]: expiry ms
-- ARGV[4], ARGV[5] …: the record: field, value …
-- Returns 'claimed', 'duplicate' (a call of that dial id lives) or 'revoked' (the job was taken from this agent).
if redis.call('SISMEMBER', KEYS[2], ARGV[1]) == 1 then return 'revoked' end
if redis.call('EXISTS', KEYS[1]) == 1 then return 'duplicate' end
redis.call('HSET', KEYS[1], unpack(ARGV, 4))
redis.call('PEXPIRE', KEYS[1], ARGV[3])
if KEYS[3] then redis.call('SADD', KEYS[3], ARGV[2]) end
return 'claimed'
