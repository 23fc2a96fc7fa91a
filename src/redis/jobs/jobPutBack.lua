-- Gives a taken job back to the head of its list: it was not dialled, and it was first.
-- KEYS[1]: list
-- KEYS[2]: in-flight list
-- ARGV[1]: job
-- Returns 1, or 0 when the job was not in flight any more.
if redis.call('LREM', KEYS[2], 1, ARGV[1]) == 0 then return 0 end
redis.call('LPUSH', KEYS[1], ARGV[1])
return 1
