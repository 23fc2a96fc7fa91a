-- Removes the devices that hold a push token.
-- KEYS[1]: devices
-- ARGV[1]: token
-- ARGV[2]: platform ('' = any)
-- ARGV[3]: app ('' = any)
-- ARGV[4]: registered at the latest (ms; '' = whenever)
-- Returns how many went.
local devices, token, platform, app, latest = KEYS[1], ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4])

local gone = 0
local all = redis.call('HGETALL', devices)
for i = 1, #all, 2 do
  local device = cjson.decode(all[i + 1])
  if device.token == token
    and (platform == '' or device.platform == platform)
    and (app == '' or device.app == app)
    and (latest == nil or device.registeredAtMs <= latest)
  then
    gone = gone + redis.call('HDEL', devices, all[i])
  end
end
return gone
