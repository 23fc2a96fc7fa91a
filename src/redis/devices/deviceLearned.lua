-- Keeps how long a device takes to answer, in its record. A device that is gone stays gone.
-- KEYS[1]: devices
-- ARGV[1]: the device's id, which is its slot unless it is the account's one device without an id of its own
-- ARGV[2]: its history: digits and commas
-- Returns 1, or 0: there is no such device.
local devices, id, answers = KEYS[1], ARGV[1], ARGV[2]

for _, slot in ipairs({ id, '' }) do
  local json = redis.call('HGET', devices, slot)
  -- No id has a quotation mark in it, and in a value a quotation mark has a backslash before it.
  if json and string.find(json, '"id":"' .. id .. '"', 1, true) then
    local kept = string.gsub(json, '"answers":"[%d,]*",?', '')
    kept = string.gsub(kept, ',}$', '}')
    redis.call('HSET', devices, slot, withAnswers(kept, answers))
    return 1
  end
end
return 0
