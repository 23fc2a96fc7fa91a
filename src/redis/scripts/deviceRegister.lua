-- Registers a device in its slot. At the limit the slot unseen for longest makes room.
-- KEYS: devices.   ARGV: slot, device JSON, most devices.
-- Returns {the slot's former JSON or '', the JSON of the device that had to leave or ''}.
local devices, slot, device, most = KEYS[1], ARGV[1], ARGV[2], tonumber(ARGV[3])

local former = redis.call('HGET', devices, slot)
local evicted = ''
if not former and redis.call('HLEN', devices) >= most then
  local all, oldestSlot, oldestSeen = redis.call('HGETALL', devices), nil, nil
  for i = 1, #all, 2 do
    local seen = cjson.decode(all[i + 1]).lastSeenMs
    if oldestSeen == nil or seen < oldestSeen then
      oldestSlot, oldestSeen, evicted = all[i], seen, all[i + 1]
    end
  end
  redis.call('HDEL', devices, oldestSlot)
end
redis.call('HSET', devices, slot, device)
return { former or '', evicted }
