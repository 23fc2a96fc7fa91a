-- A front tells how a wake that was asked for stands. The first end counts.
-- KEYS[1]: request
-- KEYS[2]: requests in its hands
-- ARGV[1]: id
-- ARGV[2]: 'pushed', or the end: 'confirmed', 'failed', 'cancelled'
-- ARGV[3]: reason ('' = none)
-- ARGV[4]: attempts sent, of 'pushed'
local request, hands, id, state = KEYS[1], KEYS[2], ARGV[1], ARGV[2]
if state ~= 'pushed' then redis.call('LREM', hands, 0, id) end
local found = redis.call('HMGET', request, 'state', 'asker')
if found[1] ~= 'asked' and found[1] ~= 'pushed' then return end
redis.call('HSET', request, 'state', state, 'reason', ARGV[3])
if state == 'pushed' then redis.call('HSET', request, 'attempts', ARGV[4]) end
-- What is sent again is no news.
if found[1] ~= state then redis.call('PUBLISH', found[2], id .. ' ' .. state .. ' ' .. ARGV[3]) end
