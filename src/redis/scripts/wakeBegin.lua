-- A PBX request arrives: begins a wake, or joins the one that still waits.
-- KEYS: record, accounts woken by this call.   ARGV: waiter, wait ms, grace ms, account.
-- Returns {'begun' | 'joined', ms left until the deadline}.
local record, accounts = KEYS[1], KEYS[2]
local waiter, wait, grace, account = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4]

local found = redis.call('HMGET', record, 'state', 'waiters')
if found[1] == 'waiting' then
  local left = redis.call('PTTL', record) - grace
  if left > 0 then
    redis.call('HSET', record, 'waiters', found[2] .. '\n' .. waiter)
    return { 'joined', left }
  end
end

redis.call('DEL', record)
redis.call('HSET', record, 'state', 'waiting', 'waiters', waiter)
redis.call('PEXPIRE', record, wait + grace)
redis.call('SADD', accounts, account)
redis.call('PEXPIRE', accounts, wait + grace)
return { 'begun', wait }
