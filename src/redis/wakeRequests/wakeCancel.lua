-- Nobody waits for this wake any more: whoever asked for it has hung up.
-- KEYS[1]: request
-- KEYS[2]: list of requests
-- ARGV[1]: id
-- ARGV[2]: what the names of the fronts' channels begin with
local request, id = KEYS[1], ARGV[1]
local found = redis.call('HMGET', request, 'state', 'front')
if found[1] ~= 'asked' and found[1] ~= 'pushed' then return end
redis.call('HSET', request, 'state', 'cancelled')
redis.call('LREM', KEYS[2], 0, id)
if found[2] then redis.call('PUBLISH', ARGV[2] .. found[2], id) end
