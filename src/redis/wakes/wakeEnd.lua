-- Ends a wake that still waits, for a reason other than a confirmation. Of one that is confirmed the PBX's word that the
-- call is over is kept, for the streams of the phone that rings.
-- KEYS[1]: record
-- ARGV[1]: reason
-- ARGV[2]: waiter that asks ('' = the PBX says so: tell all)
-- Returns {state, reason, device, secret} as it stands now: the caller sees who was first.
local record, why, asking = KEYS[1], ARGV[1], ARGV[2]

local found = redis.call('HMGET', record, 'state', 'reason', 'device', 'waiters', 'secret', 'watchers')
local state, reason, device, waiters, secret, watchers = unpack(found)
if not state then return { 'unknown', '', '', '' } end
if state == 'waiting' then
  redis.call('HSET', record, 'state', 'ended', 'reason', why)
  for waiter in string.gmatch(waiters, '[^\n]+') do
    if waiter ~= asking then tellWaiter(waiter, secret, 'ended', why, '') end
  end
  tellStreams(record, watchers)
  return { 'ended', why, '', secret or '' }
end
if state == 'confirmed' then
  -- A waiter that missed the confirmation knows it now (see wakeHeard.lua).
  if asking ~= '' then redis.call('HSET', record, 'known', '1')
  elseif redis.call('HSETNX', record, 'over', why) == 1 then tellStreams(record, watchers) end
end
return { state, reason or '', device or '', secret or '' }
