-- Publishes what may be sent twice: because the first answer was late or lost, or by two who know of it.
-- KEYS[1]: mark of its name
-- KEYS[2]: the call whose owner may answer instead, if there is one
-- ARGV[1]: channel
-- ARGV[2]: message
-- ARGV[3]: how long the mark stays, ms
-- ARGV[4]: field in which the owner would have noted it
-- Returns 1, or 0 when it was published before or the owner will.
if KEYS[2] and redis.call('HEXISTS', KEYS[2], ARGV[4]) == 1 then return 0 end
if not redis.call('SET', KEYS[1], 'for-the-owner', 'NX', 'PX', ARGV[3]) then return 0 end
redis.call('PUBLISH', ARGV[1], ARGV[2])
return 1
