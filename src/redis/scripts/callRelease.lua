-- A call is over: its dial id may be used again.
-- KEYS: call.   ARGV: fence.
-- Returns 1, or 0 when the fence is another's.
if redis.call('HGET', KEYS[1], 'fence') ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[1])
return 1
