-- Queues a job once, whoever asks how often: what was asked before is answered as before.
-- KEYS[1]: list
-- KEYS[2]: note of the dial id
-- KEYS[3]: note of the request's own key, or again that of the dial id
-- KEYS[4]: outside a Cluster, the call
-- KEYS[5], KEYS[6] …: outside a Cluster, for each other list: the list, its note of the dial id
-- ARGV[1]: fingerprint
-- ARGV[2]: dial id
-- ARGV[3]: job
-- ARGV[4]: expiry ms of the dial id's note
-- ARGV[5]: expiry ms of the request's note
-- ARGV[6]: ms for which a job that left its list may not have become a call yet
-- ARGV[7]: most jobs looked through
-- ARGV[8]: '1' if a call of the dial id was seen
-- Returns what became of it, the dial id, and how many jobs wait in the list.
local list, noted, asked = KEYS[1], KEYS[2], KEYS[3]
local fingerprint = ARGV[1]

local before = redis.call('HMGET', asked, 'fingerprint', 'dialId')
if before[1] == fingerprint then return {'repeated', before[2], redis.call('LLEN', list)} end
if before[1] and asked ~= noted then return {'key-reused', before[2], 0} end

-- An earlier, different request for the dial id stands in the way until its job has become a call, or nothing.
local function isUnderWay(otherList, note)
  local job = redis.call('HGET', note, 'job')
  if not job then return false end
  if tonumber(ARGV[4]) - redis.call('PTTL', note) < tonumber(ARGV[6]) then return true end
  return redis.call('LPOS', otherList, job, 'RANK', -1, 'MAXLEN', ARGV[7]) and true or false
end
if redis.call('HGET', noted, 'fingerprint') == fingerprint then
  return {'repeated', ARGV[2], redis.call('LLEN', list)}
end
if isUnderWay(list, noted) then return {'queued-before', ARGV[2], 0} end
for i = 5, #KEYS, 2 do
  if isUnderWay(KEYS[i], KEYS[i + 1]) then return {'queued-before', ARGV[2], 0} end
end
if ARGV[8] == '1' or (KEYS[4] and redis.call('EXISTS', KEYS[4]) == 1) then return {'alive', ARGV[2], 0} end

local waiting = redis.call('RPUSH', list, ARGV[3])
redis.call('HSET', noted, 'fingerprint', fingerprint, 'dialId', ARGV[2], 'job', ARGV[3])
redis.call('PEXPIRE', noted, ARGV[4])
if asked ~= noted then
  redis.call('HSET', asked, 'fingerprint', fingerprint, 'dialId', ARGV[2])
  redis.call('PEXPIRE', asked, ARGV[5])
end
return {'queued', ARGV[2], waiting}
