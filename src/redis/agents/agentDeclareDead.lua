-- Declares an agent dead, if its lease has run out.
-- KEYS[1]: lease
-- KEYS[2]: declaration
-- ARGV[1]: declaration ms
-- Returns 1 when it is dead (now or before), 0 while it lives.
if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
redis.call('SET', KEYS[2], '1', 'PX', ARGV[1])
return 1
