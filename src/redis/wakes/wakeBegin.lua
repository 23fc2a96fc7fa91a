-- A PBX request arrives: begins a wake, or joins the one that still waits, as long as not too many have.
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

local function join(waiters, itsSecret, left)
  local lead = string.match(waiters, '^[^\n]+')
  -- Its process may live and hold this wait no more: then it says so by leaving.
  local inbox, number = string.match(lead, '(%S+) (%S+)')
  local isHeard = redis.call('PUBLISH', inbox, '0 joined ' .. number .. ' ' .. record) > 0
  local how, unheard = 'joined', ''
  if isHeard or not unheardIsDead then
    local _, before = string.gsub(waiters, '\n', '')
    if before + 1 >= most then return { 'full', left, '', {}, '' } end
    if not isHeard then unheard = lead end
    redis.call('HSET', record, 'waiters', waiters .. '\n' .. waiter)
  else
    local all = listOf(waiters)
    all[#all + 1] = waiter
    table.remove(all, 1)
    all = passLead(all, itsSecret, 'unsure', true, waiter)
    redis.call('HSET', record, 'waiters', table.concat(all, '\n'))
    if all[1] == waiter then how = 'leads' end
  end
  return { how, left, itsSecret or '', devices and redis.call('HVALS', devices) or {}, unheard }
end

local before = redis.call('HMGET', record, 'state', 'waiters', 'secret')
if before[1] then
  local left = before[1] == 'waiting' and redis.call('PTTL', record) - grace or 0
  if left > 0 then return join(before[2], before[3], left) end
  redis.call('DEL', record)
end

redis.call('HSET', record, 'state', 'waiting', 'waiters', waiter, 'secret', secret)
redis.call('PEXPIRE', record, wait + grace)
redis.call('SADD', accounts, account)
redis.call('PEXPIRE', accounts, wait + grace)

local function keep(uniqueKey, device)
  redis.call('SET', prefix .. uniqueKey, record .. ' ' .. device, 'PX', wait + grace)
end
for at = 9, #ARGV, 2 do keep(ARGV[at], ARGV[at + 1]) end
local found = devices and redis.call('HVALS', devices) or {}
for _, json in ipairs(found) do
  -- No id has a quotation mark in it, and in a value a quotation mark has a backslash before it.
  local device = string.match(json, '"id":"([^"]+)"')
  keep(string.sub(redis.sha1hex(secret .. device), 1, 32), device)
end
return { 'begun', wait, secret, found, '' }
