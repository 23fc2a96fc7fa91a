-- Gives a call a new owner; whoever owned it is fenced from then on.
-- KEYS: call.   ARGV: owner it must have now, new owner.
-- Sent again because its answer was late or lost: it was done already.
-- How far the former owner had come is kept: a step of its that it sends again, unanswered, was done or not.
-- Returns the whole record as field, value …; empty when the call is gone or another's.
local owner = redis.call('HGET', KEYS[1], 'owner')
if owner == ARGV[2] then return redis.call('HGETALL', KEYS[1]) end
if owner ~= ARGV[1] then return {} end
local fence, steps = unpack(redis.call('HMGET', KEYS[1], 'fence', 'steps'))
redis.call('HSET', KEYS[1], 'owner', ARGV[2], 'steps.' .. fence, steps or '0')
redis.call('HINCRBY', KEYS[1], 'fence', 1)
return redis.call('HGETALL', KEYS[1])
