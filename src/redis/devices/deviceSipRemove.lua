-- A phone unregistered by SIP: its device goes. What an app registered by HTTP stays.
-- KEYS[1]: devices
-- ARGV[1]: slot ('' = all phones that registered by SIP)
-- Returns how many went.
local devices, slot = KEYS[1], ARGV[1]

local gone = 0
local all = redis.call('HGETALL', devices)
for i = 1, #all, 2 do
  if (slot == '' or all[i] == slot) and cjson.decode(all[i + 1]).keptUntilMs then
    gone = gone + redis.call('HDEL', devices, all[i])
  end
end
return gone
