-- Takes a job away from an agent that died before it claimed the job's dial id: should it come back, it can't any more.
-- KEYS[1]: call
-- KEYS[2]: revoked agents
-- ARGV[1]: agent
-- ARGV[2]: expiry ms
-- Returns 1, or 0 when a call of that dial id lives, which may be the job's.
if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
redis.call('SADD', KEYS[2], ARGV[1])
redis.call('PEXPIRE', KEYS[2], ARGV[2])
return 1
