-- A front tells how a wake that was asked for stands. The first end counts.
-- KEYS[1]: request
-- ARGV[1]: id
-- ARGV[2]: 'pushed', or the end: 'confirmed', 'failed', 'cancelled'
-- ARGV[3]: reason ('' = none)
-- ARGV[4]: attempts sent, of 'pushed'
local request, id, state = KEYS[1], ARGV[1], ARGV[2]
local found = redis.call('HMGET', request, 'state', 'asker')
if found[1] ~= 'asked' and found[1] ~= 'pushed' then return end
redis.call('HSET', request, 'state', state, 'reason', ARGV[3])
if state == 'pushed' then redis.call('HSET', request, 'attempts', ARGV[4]) end
-- What is sent again is no news.
if found[1] ~= state then redis.call('PUBLISH', found[2], id .. ' ' .. state .. ' ' .. ARGV[3]) end
