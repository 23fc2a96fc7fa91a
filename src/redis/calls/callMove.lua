-- Gives a call a new owner, and tells its channel; whoever owned it is fenced from then on.
-- KEYS[1]: call
-- KEYS[2]: outside a Cluster, the calls of the owner before
-- KEYS[3]: outside a Cluster, the calls of the new owner
-- ARGV[1]: owner it must have now
-- ARGV[2]: fence it must have ('' = any)
-- ARGV[3]: new owner
-- ARGV[4]: channel
-- ARGV[5]: marker
-- Sent again because its answer was late or lost: it was done already.
-- The number of the former owner's last step is kept: if that owner sends a step again, it is known whether it was done.
-- Returns the whole record as field, value …; empty when the call is gone or another's.
local owner, fence, steps = unpack(redis.call('HMGET', KEYS[1], 'owner', 'fence', 'steps'))
if owner == ARGV[3] then return redis.call('HGETALL', KEYS[1]) end
if owner ~= ARGV[1] or (ARGV[2] ~= '' and fence ~= ARGV[2]) then return {} end
redis.call('HSET', KEYS[1], 'owner', ARGV[3], 'steps.' .. fence, steps or '0')
redis.call('HINCRBY', KEYS[1], 'fence', 1)
if KEYS[2] then
  redis.call('SREM', KEYS[2], ARGV[4])
  redis.call('SADD', KEYS[3], ARGV[4])
end
redis.call('PUBLISH', ARGV[4], ARGV[5])
return redis.call('HGETALL', KEYS[1])
