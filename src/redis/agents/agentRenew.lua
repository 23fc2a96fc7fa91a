-- An agent shows itself, for the first time or after its lease ran out.
-- KEYS[1]: lease
-- KEYS[2]: declaration
-- ARGV[1]: its card (JSON)
-- ARGV[2]: lease ms
-- Returns 1, or 0 when it was declared dead: its calls are others' now.
if redis.call('EXISTS', KEYS[2]) == 1 then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
