-- Gives a call a new owner; whoever owned it is fenced from then on.
-- KEYS: call.   ARGV: owner it must have now, new owner.
-- Returns the whole record as field, value …; empty when the call is gone or another's.
if redis.call('HGET', KEYS[1], 'owner') ~= ARGV[1] then return {} end
redis.call('HSET', KEYS[1], 'owner', ARGV[2])
redis.call('HINCRBY', KEYS[1], 'fence', 1)
return redis.call('HGETALL', KEYS[1])
