-- Settles a confirmation that nobody at the record's own node heard: a Cluster's nodes count their own listeners only.
-- A waiter that has looked at the record since, and found it confirmed, has noted that it knows.
-- KEYS[1]: record
-- ARGV[1]: device
-- ARGV[2]: '1' if a waiter listens at another node
-- Returns the verdict: proceed, ended, unknown.
local record, device, isListening = KEYS[1], ARGV[1], ARGV[2] == '1'

local answer = 'answer:' .. device
local found = redis.call('HMGET', record, 'state', 'known', answer, 'watchers')
if not found[1] then return 'unknown' end
if found[3] ~= 'unheard' then return found[3] or 'ended' end
local isKnown = isListening or found[2]
if isKnown then
  redis.call('HSET', record, answer, 'proceed')
else
  redis.call('HDEL', record, answer, 'device')
  redis.call('HSET', record, 'state', 'ended', 'reason', 'caller-gone')
end
tellStreams(record, found[4])
return isKnown and 'proceed' or 'ended'
