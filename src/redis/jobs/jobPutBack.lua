-- Gives a taken job back to the head of its list: it was not dialled, and it was first.
-- KEYS[1]: list
-- KEYS[2]: in-flight list
-- KEYS[3]: mark of this giving back
-- ARGV[1]: job
-- ARGV[2]: how long the mark stays, ms
-- Sent again because its answer was late or lost: it was done already, and the agent may have taken the job anew since.
-- Returns 1, or 0 when it was done before or the job was not in flight any more.
if not redis.call('SET', KEYS[3], '1', 'NX', 'PX', ARGV[2]) then return 0 end
if redis.call('LREM', KEYS[2], 1, ARGV[1]) == 0 then return 0 end
redis.call('LPUSH', KEYS[1], ARGV[1])
return 1
