-- Ends a wake that still waits, for a reason other than a confirmation.
-- KEYS: record.   ARGV: reason, waiter that asks ('' = none: tell all).
-- Returns {state, reason, device} as it stands now: the caller sees who was first.
local record, why, asking = KEYS[1], ARGV[1], ARGV[2]

local found = redis.call('HMGET', record, 'state', 'reason', 'device', 'waiters')
local state = found[1]
if not state then return { 'unknown', '', '' } end
if state ~= 'waiting' then
  -- A waiter that missed the confirmation knows it now (see wakeHeard.lua).
  if state == 'confirmed' and asking ~= '' then redis.call('HSET', record, 'known', '1') end
  return { state, found[2] or '', found[3] or '' }
end

redis.call('HSET', record, 'state', 'ended', 'reason', why)
for inbox, id in string.gmatch(found[4], '(%S+) (%S+)') do
  if inbox .. ' ' .. id ~= asking then
    redis.call('PUBLISH', inbox, id .. ' ended ' .. why .. ' ')
  end
end
return { 'ended', why, '' }
