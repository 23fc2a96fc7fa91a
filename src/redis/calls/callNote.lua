-- Writes a note about a call, if it is still the caller's.   KEYS: call.   ARGV: fence, field, value.
if redis.call('HGET', KEYS[1], 'fence') ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[1], ARGV[2], ARGV[3])
return 1
