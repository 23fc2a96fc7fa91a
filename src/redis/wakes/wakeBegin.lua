-- A PBX request arrives: begins a wake, or joins the one that still waits (wakeJoin.lua, which stands behind this, with its
-- helpers between them: Redis makes a script's functions anew each time, and to begin a wake needs none).
-- KEYS[1]: record
-- KEYS[2]: accounts woken by this call
-- KEYS[3]: the account's devices, where they live on the same node
-- ARGV[1]: waiter
-- ARGV[2]: wait ms
-- ARGV[3]: grace ms
-- ARGV[4]: account
-- ARGV[5]: secret of the wake, if it begins
-- ARGV[6]: most waiters
-- ARGV[7]: '1' if an unheard PUBLISH means a dead waiter
-- ARGV[8]: what the names of unique keys begin with
-- ARGV[9], ARGV[10] …: in a Cluster, unique keys and the devices they belong to
-- Returns {how, ms left until the deadline, the wake's secret, the devices if they were asked for, waiter}. How:
-- 'begun'; 'joined'; 'leads': it joined, and whoever pushed is dead; 'full'. The waiter, or '': the one that pushes did
-- not hear that somebody joined, which in a Cluster leaves open whether it lives.
local record, accounts, devices, waiter = KEYS[1], KEYS[2], KEYS[3], ARGV[1]
local wait, grace, account, secret = tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4], ARGV[5]
local most, unheardIsDead, prefix = tonumber(ARGV[6]), ARGV[7] == '1', ARGV[8]

local before = redis.call('HMGET', record, 'state', 'waiters', 'secret')
local left = before[1] == 'waiting' and redis.call('PTTL', record) - grace or 0
if left <= 0 then
  -- A text: Redis would make one of a number for each command.
  local life = string.format('%d', wait + grace)
  if before[1] then redis.call('DEL', record) end
  redis.call('HSET', record, 'state', 'waiting', 'waiters', waiter, 'secret', secret)
  redis.call('PEXPIRE', record, life)
  redis.call('SADD', accounts, account)
  redis.call('PEXPIRE', accounts, life)
  for at = 9, #ARGV, 2 do
    redis.call('SET', prefix .. ARGV[at], record .. ' ' .. ARGV[at + 1], 'PX', life)
  end
  local found = devices and redis.call('HVALS', devices) or {}
  for _, json in ipairs(found) do
    -- No id has a quotation mark in it, and in a value a quotation mark has a backslash before it.
    local device = string.match(json, '"id":"([^"]+)"')
    local uniqueKey = string.sub(redis.sha1hex(secret .. device), 1, 32)
    redis.call('SET', prefix .. uniqueKey, record .. ' ' .. device, 'PX', life)
  end
  return { 'begun', wait, secret, found, '' }
end
