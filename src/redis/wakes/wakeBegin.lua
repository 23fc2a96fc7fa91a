-- A PBX request arrives: begins a wake, or joins the one that still waits.
-- KEYS: record, accounts woken by this call, and where they live on the same node: the account's devices.
-- ARGV: waiter, wait ms, grace ms, account.
-- Returns {'begun' | 'joined', ms left until the deadline, the devices if they were asked for}.
local record, accounts, devices = KEYS[1], KEYS[2], KEYS[3]
local waiter, wait, grace, account = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4]

local found = devices and redis.call('HVALS', devices) or {}

if redis.call('HSETNX', record, 'state', 'waiting') == 0 then
  local before = redis.call('HMGET', record, 'state', 'waiters')
  local left = redis.call('PTTL', record) - grace
  if before[1] == 'waiting' and left > 0 then
    redis.call('HSET', record, 'waiters', before[2] .. '\n' .. waiter)
    return { 'joined', left, found }
  end
  redis.call('DEL', record)
  redis.call('HSET', record, 'state', 'waiting')
end

redis.call('HSET', record, 'waiters', waiter)
redis.call('PEXPIRE', record, wait + grace)
redis.call('SADD', accounts, account)
redis.call('PEXPIRE', accounts, wait + grace)
return { 'begun', wait, found }
