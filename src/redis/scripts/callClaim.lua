-- Claims a dial id for a call and writes all that a survivor needs, before the originate is sent.
-- KEYS: call.   ARGV: expiry ms, field, value, field, value …
-- Returns 1, or 0 when a call of that dial id lives.
if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
redis.call('HSET', KEYS[1], unpack(ARGV, 2))
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return 1
