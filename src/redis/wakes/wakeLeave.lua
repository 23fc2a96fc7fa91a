-- A PBX request was dropped. The last one to leave ends the wake; otherwise the next one takes over the pushes.
-- KEYS: record.   ARGV: waiter.
-- Returns 'ended' (this was the last), 'left' (others wait on), or 'decided' (too late: there is an outcome).
local record, leaving = KEYS[1], ARGV[1]

local found = redis.call('HMGET', record, 'state', 'waiters')
if found[1] ~= 'waiting' then return 'decided' end

local staying, wasFirst, position = {}, false, 0
for waiter in string.gmatch(found[2], '[^\n]+') do
  position = position + 1
  if waiter ~= leaving then table.insert(staying, waiter) else wasFirst = position == 1 end
end

if #staying == 0 then
  redis.call('HSET', record, 'state', 'ended', 'reason', 'caller-gone')
  return 'ended'
end
redis.call('HSET', record, 'waiters', table.concat(staying, '\n'))
if wasFirst then
  local inbox, id = string.match(staying[1], '(%S+) (%S+)')
  redis.call('PUBLISH', inbox, id .. ' lead  ')
end
return 'left'
