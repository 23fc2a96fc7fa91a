-- The front that had a request is dead, or none has it and it is in the list no more: another front shall take it, first of
-- all. It is the same wake under the same call id: what was pushed is not pushed again.
-- KEYS[1]: request
-- KEYS[2]: list of requests
-- ARGV[1]: id
-- ARGV[2]: that front ('' = none)
-- Returns 1 when it is in the list again.
local request, list, id = KEYS[1], KEYS[2], ARGV[1]
local found = redis.call('HMGET', request, 'state', 'front')
if found[1] ~= 'asked' and found[1] ~= 'pushed' then return 0 end
if (found[2] or '') ~= ARGV[2] then return 0 end
if redis.call('LPOS', list, id) then return 0 end
redis.call('HDEL', request, 'front')
redis.call('LPUSH', list, id)
return 1
