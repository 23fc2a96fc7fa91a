-- A front that popped a request takes it, and says so; what is over, or what another front has by now, it leaves.
-- KEYS[1]: request
-- ARGV[1]: front
-- Returns {call, ms that the wake may take, ms left, attempts sent}, or nothing.
local request, front = KEYS[1], ARGV[1]
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local found = redis.call('HMGET', request, 'state', 'call', 'wait', 'endsAt', 'attempts', 'front')
local isOpen = found[1] == 'asked' or found[1] == 'pushed'
local isOthers = found[6] and found[6] ~= front
if not isOpen or isOthers or tonumber(found[4]) <= now then
  return {}
end
redis.call('HSET', request, 'front', front)
return { found[2], found[3], found[4] - now, found[5] or '0' }
