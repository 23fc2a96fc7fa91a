-- A waiter that may have missed a message looks at what was decided, and whether it still is among those who are told:
-- one that was taken for dead while its subscription was broken is put back, behind the others.
-- KEYS[1]: record
-- ARGV[1]: waiter
-- Returns {state, reason, device, secret, 'first' if it is the one that pushes}; a confirmation is known from now on.
local record, asking = KEYS[1], ARGV[1]
local found = redis.call('HMGET', record, 'state', 'reason', 'device', 'secret', 'waiters')
local state, waiters = found[1], found[5]
local place = ''
if state == 'confirmed' then redis.call('HSET', record, 'known', '1') end
if state == 'waiting' then
  local position, count = 0, 0
  for waiter in string.gmatch(waiters, '[^\n]+') do
    count = count + 1
    if waiter == asking then position = count end
  end
  if position == 1 then place = 'first' end
  if position == 0 then redis.call('HSET', record, 'waiters', waiters .. '\n' .. asking) end
end
return { state or '', found[2] or '', found[3] or '', found[4] or '', place }
