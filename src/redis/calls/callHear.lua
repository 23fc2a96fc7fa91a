-- The owner notes a message that it heard, so that a successor answers it if the owner dies first.
-- KEYS[1]: call
-- KEYS[2]: mark of the message's name
-- ARGV[1]: fence
-- ARGV[2]: field
-- ARGV[3]: value, with the fence in it
-- ARGV[4]: '1' = only if nobody has noted or answered it: two agents may have heard it
-- Returns 'noted', 'taken' (another agent's to answer) or 'fenced' (the call is another's).
if redis.call('HGET', KEYS[1], 'fence') ~= ARGV[1] then return 'fenced' end
if ARGV[4] == '1' then
  local noted = redis.call('HGET', KEYS[1], ARGV[2])
  -- Sent again because its answer was late or lost: it was done already.
  if noted == ARGV[3] then return 'noted' end
  if noted or redis.call('EXISTS', KEYS[2]) == 1 then return 'taken' end
end
redis.call('HSET', KEYS[1], ARGV[2], ARGV[3])
return 'noted'
