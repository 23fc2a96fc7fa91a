-- An agent asks for a wake, or asks again how it stands: once it is in the list, however often it is asked for.
-- KEYS[1]: request
-- KEYS[2]: list of requests
-- ARGV[1]: id
-- ARGV[2]: call
-- ARGV[3]: channel of the one that asks
-- ARGV[4]: ms that the wake may take
-- ARGV[5]: ms that the request is kept beyond
-- Returns {state, reason, attempts sent, front, ms left}.
local request, list = KEYS[1], KEYS[2]
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local found = redis.call('HMGET', request, 'state', 'reason', 'attempts', 'front', 'endsAt')
if not found[1] then
  local wait = tonumber(ARGV[4])
  redis.call('HSET', request, 'state', 'asked', 'call', ARGV[2], 'asker', ARGV[3], 'wait', wait, 'endsAt', now + wait)
  redis.call('PEXPIRE', request, wait + ARGV[5])
  redis.call('RPUSH', list, ARGV[1])
  return { 'asked', '', '0', '', wait }
end
redis.call('HSET', request, 'asker', ARGV[3])
return { found[1], found[2] or '', found[3] or '0', found[4] or '', math.max(0, found[5] - now) }
