-- Publishes a message that may be sent twice, because the first answer was late or lost.
-- KEYS: the message's mark.   ARGV: channel, message, how long the mark stays (ms).
if redis.call('SET', KEYS[1], '1', 'NX', 'PX', ARGV[3]) then redis.call('PUBLISH', ARGV[1], ARGV[2]) end
return 1
