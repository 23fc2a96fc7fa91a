-- A phone registered by SIP: its device is kept for a while longer, and those whose time is over go. At the limit the slot
-- unseen for longest makes room. How long the phone takes to answer is kept. Tells which waiting wakes have pushed it.
-- KEYS[1]: devices
-- KEYS[2]: phones pushed for waiting wakes: '<device> <record>' → '<wake's name> <pushed at, ms> <ends at, ms>'
-- ARGV[1]: slot, which is the device's id
-- ARGV[2]: device JSON
-- ARGV[3]: most devices
-- ARGV[4]: now, ms
-- ARGV[5]: '1': it registered some time before, and a device that is there already stays as it is
-- Returns {'created' or 'updated', '<record> <wake's name> <pushed at, ms>' …}. An app's own registration of the same token
-- stays as it is, seen now, and confirms by its own answer: then there are no wakes.
local devices, pushed, slot, device = KEYS[1], KEYS[2], ARGV[1], ARGV[2]
local most, now, isOld = tonumber(ARGV[3]), tonumber(ARGV[4]), ARGV[5] == '1'

local phone = cjson.decode(device)
local result, count, oldestSlot, oldest, answers = 'created', 0, nil, nil, nil
local all = redis.call('HGETALL', devices)
for i = 1, #all, 2 do
  local other = cjson.decode(all[i + 1])
  if all[i] == slot and other.keptUntilMs then
    if isOld then return { 'updated' } end
    result, answers = 'updated', other.answers
  elseif other.token == phone.token and other.platform == phone.platform and not other.keptUntilMs then
    other.lastSeenMs = now
    redis.call('HSET', devices, all[i], cjson.encode(other))
    return { 'updated' }
  elseif other.keptUntilMs and other.keptUntilMs <= now then
    redis.call('HDEL', devices, all[i])
  else
    count = count + 1
    if oldest == nil or other.lastSeenMs < oldest then oldestSlot, oldest = all[i], other.lastSeenMs end
  end
end
if result == 'created' and count >= most and oldestSlot then redis.call('HDEL', devices, oldestSlot) end
redis.call('HSET', devices, slot, withAnswers(device, answers))

local answer = { result }
local marks = redis.call('HGETALL', pushed)
for i = 1, #marks, 2 do
  local id, record = string.match(marks[i], '^(%S+) (.+)$')
  local name, at, ends = string.match(marks[i + 1], '^(%d+) (%d+) (%d+)$')
  if id == slot and tonumber(ends) > now then answer[#answer + 1] = record .. ' ' .. name .. ' ' .. at end
end
return answer
