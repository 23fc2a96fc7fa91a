-- An app answers. First confirmation wins; a repeated answer gets the first one's verdict again.
-- KEYS: record.   ARGV: device, '1' available or '0', grace ms, '1' if an unheard PUBLISH means a dead waiter.
-- Returns the verdict: proceed, expired, ended, answered_elsewhere, unknown; or 'unheard' and the waiters: it is
-- confirmed, and whether any of them heard it is to be found out (see wakeHeard.lua).
local record = KEYS[1]
local device, available, grace, unheardIsDead = ARGV[1], ARGV[2] == '1', tonumber(ARGV[3]), ARGV[4] == '1'

local found = redis.call('HMGET', record, 'state', 'reason', 'waiters', 'answer:' .. device)
local state, reason, waiters, before = found[1], found[2], found[3], found[4]
if not state then return 'unknown' end
if before == 'unheard' then return 'unheard ' .. waiters end
if before then return before end

local function tell(event, why)
  local heard = 0
  for inbox, id in string.gmatch(waiters, '(%S+) (%S+)') do
    heard = heard + redis.call('PUBLISH', inbox, id .. ' ' .. event .. ' ' .. why .. ' ' .. device)
  end
  return heard
end

local function finish(why)
  state, reason = 'ended', why
  redis.call('HSET', record, 'state', 'ended', 'reason', why)
end

-- The deadline has passed and its owner did not say so: it is slow, or dead.
if state == 'waiting' and redis.call('PTTL', record) <= grace then
  finish('timeout')
  tell('ended', 'timeout')
end

if state == 'waiting' then
  if not available then
    redis.call('HSET', record, 'answer:' .. device, 'proceed')
    tell('unavailable', '')
    return 'proceed'
  end
  redis.call('HSET', record, 'answer:' .. device, 'proceed', 'state', 'confirmed', 'reason', 'confirmed', 'device', device)
  if tell('confirmed', 'confirmed') > 0 then return 'proceed' end
  if not unheardIsDead then
    redis.call('HSET', record, 'answer:' .. device, 'unheard')
    return 'unheard ' .. waiters
  end
  -- Nobody listens at the waiter's inbox: its pod died, and the PBX's request with it.
  redis.call('HDEL', record, 'answer:' .. device, 'device')
  finish('caller-gone')
end

if reason == 'confirmed' or reason == 'answered_elsewhere' then return 'answered_elsewhere' end
if reason == 'caller-gone' or reason == 'caller_hangup' then return 'ended' end
return 'expired'
