-- Registers a device in its slot. An install has one slot: if its push token stands in another one, because the app has
-- begun to send a device_id, it leaves that. At the limit the slot unseen for longest makes room. Phones that registered by SIP
-- and whose time is over go. How long the install takes to answer is kept with its push token.
-- KEYS[1]: devices
-- ARGV[1]: slot
-- ARGV[2]: device JSON
-- ARGV[3]: most devices
-- Returns {the slot's former JSON or '', the JSON of the device that had to leave or ''}.
local devices, slot, device, most = KEYS[1], ARGV[1], ARGV[2], tonumber(ARGV[3])

local install = cjson.decode(device)
local former, evicted, count, oldestSlot, oldest, answers = '', '', 0, nil, nil, nil
local all = redis.call('HGETALL', devices)
for i = 1, #all, 2 do
  local other = cjson.decode(all[i + 1])
  if other.token == install.token then answers = other.answers or answers end
  if all[i] == slot then
    former = all[i + 1]
  elseif other.token == install.token and other.platform == install.platform and other.app == install.app then
    redis.call('HDEL', devices, all[i])
  elseif other.keptUntilMs and other.keptUntilMs <= install.registeredAtMs then
    redis.call('HDEL', devices, all[i])
  else
    count = count + 1
    if oldest == nil or other.lastSeenMs < oldest.lastSeenMs then
      oldestSlot, oldest, evicted = all[i], other, all[i + 1]
    end
  end
end
if former == '' and count >= most then
  redis.call('HDEL', devices, oldestSlot)
else
  evicted = ''
end
redis.call('HSET', devices, slot, withAnswers(device, answers))
return { former, evicted }
