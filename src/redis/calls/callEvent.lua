-- Publishes one event of a call and writes down what it changed, unless another agent has taken the call over.
-- KEYS[1]: call
-- KEYS[2]: what is kept of it when it is over
-- KEYS[3]: mark of the answered message's name
-- KEYS[4]: outside a Cluster, history
-- KEYS[5]: outside a Cluster, active list
-- ARGV[1]: fence
-- ARGV[2]: step's number
-- ARGV[3]: channel
-- ARGV[4]: event
-- ARGV[5]: history: 'start', 'add' or ''
-- ARGV[6]: side's change: '+0', '-0' or ''
-- ARGV[7]: history's expiry s
-- ARGV[8]: active list's expiry s
-- ARGV[9]: expiry ms of the mark ('' = it answers no message)
-- ARGV[10]: expiry ms of what is kept ('' = the call goes on)
-- ARGV[11]: a field to delete ('' = none)
-- ARGV[12], ARGV[13] …: fields to write: field, value …
-- Returns 'done', 'fenced' (another agent owns the call, or it is over) or 'lost' (Redis knows nothing of it: it has lost
-- its data, or the call was over long ago).
local call, over, mark, history, active = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local fence, number, channel, event, writing, side = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6]

local held, steps = unpack(redis.call('HMGET', call, 'fence', 'steps'))
if held ~= fence then
  -- Of this call's former owner, or of an earlier call of the dial id.
  local former = held and redis.call('HGET', call, 'steps.' .. fence) or redis.call('HGET', over, 'steps.' .. fence)
  if former and tonumber(former) >= tonumber(number) then return 'done' end
  -- Another agent owns the call, or has ended it. Of a call that Redis has lost there would be neither record.
  return (held or former) and 'fenced' or 'lost'
end
-- Sent again because its answer was late or lost: it was done already.
if tonumber(steps or '0') >= tonumber(number) then return 'done' end
redis.call('HSET', call, 'steps', number)
if ARGV[11] ~= '' then redis.call('HDEL', call, ARGV[11]) end
if #ARGV > 11 then redis.call('HSET', call, unpack(ARGV, 12)) end
-- An agent that had no right to act has answered already, for an owner that seemed to be gone.
if ARGV[9] ~= '' then
  if redis.call('GET', mark) == 'for-the-owner' then channel = '' end
  redis.call('SET', mark, 'by-the-owner', 'PX', ARGV[9])
end
if channel ~= '' then redis.call('PUBLISH', channel, event) end

if history and writing ~= '' then
  if writing == 'start' then redis.call('DEL', history) end
  redis.call('LPUSH', history, event)
  redis.call('EXPIRE', history, ARGV[7])
end
if active and side ~= '' then
  local value = 'ACTIVE.' .. string.sub(side, 2)
  redis.call('LREM', active, 0, value)
  if string.sub(side, 1, 1) == '+' then
    redis.call('LPUSH', active, value)
    redis.call('EXPIRE', active, ARGV[8])
  end
end

-- The call's last event: whoever hears it may use the dial id again. The number of each owner's last step is kept for a
-- while, so that a step which an owner sends again is known to be done or not.
if ARGV[10] ~= '' then
  local kept = { 'steps.' .. fence, number }
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
  redis.call('PEXPIRE', over, ARGV[10])
end
return 'done'
