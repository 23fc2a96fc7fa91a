-- A call is over: its dial id may be used again.
-- KEYS[1]: call
-- KEYS[2]: what is kept of it
-- ARGV[1]: fence
-- ARGV[2]: expiry ms of what is kept
-- The number of each owner's last step is kept for a while: if an owner sends a step again, it is known whether it was done.
-- Returns 1, or 0 when the fence is another's.
local call, over, fence = KEYS[1], KEYS[2], ARGV[1]
local held, steps = unpack(redis.call('HMGET', call, 'fence', 'steps'))
if held ~= fence then return 0 end
local kept = { 'steps.' .. fence, steps or '0' }
local all = redis.call('HGETALL', call)
for i = 1, #all, 2 do
  if string.sub(all[i], 1, 6) == 'steps.' then
    table.insert(kept, all[i])
    table.insert(kept, all[i + 1])
  end
end
redis.call('DEL', call)
-- Beside what is kept of the calls of this dial id before it, unless those are many.
if redis.call('HLEN', over) > 100 then redis.call('DEL', over) end
redis.call('HSET', over, unpack(kept))
redis.call('PEXPIRE', over, ARGV[2])
return 1
