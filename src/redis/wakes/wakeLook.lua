-- A waiter that may have missed a message looks at what was decided.
-- KEYS: record.
-- Returns {state, reason, device}; a confirmation is known from now on.
local found = redis.call('HMGET', KEYS[1], 'state', 'reason', 'device')
if found[1] == 'confirmed' then redis.call('HSET', KEYS[1], 'known', '1') end
return { found[1] or '', found[2] or '', found[3] or '' }
