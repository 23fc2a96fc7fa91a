-- Marks an account's devices as seen now.
-- KEYS[1]: devices
-- ARGV[1]: now, ms
-- ARGV[2]: slot ('' = all of them)
-- Returns how many were marked.
local devices, now, slot = KEYS[1], tonumber(ARGV[1]), ARGV[2]

local seen = 0
local all = redis.call('HGETALL', devices)
for i = 1, #all, 2 do
  if slot == '' or slot == all[i] then
    local device = cjson.decode(all[i + 1])
    device.lastSeenMs = now
    redis.call('HSET', devices, all[i], cjson.encode(device))
    seen = seen + 1
  end
end
return seen
