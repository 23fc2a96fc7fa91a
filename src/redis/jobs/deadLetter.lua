-- Keeps a job that can't be dialled, and lets go what lies too long.
-- KEYS[1]: dead-letter list
-- ARGV[1]: letter ('' = none)
-- ARGV[2]: most letters kept
-- ARGV[3]: letters from before this time go (RFC 3339, UTC)
-- ARGV[4]: seconds for which the list is kept without a new one
-- ARGV[5]: most letters let go in one step
local list = KEYS[1]
if ARGV[1] ~= '' then
  redis.call('LPUSH', list, ARGV[1])
  redis.call('LTRIM', list, 0, tonumber(ARGV[2]) - 1)
  redis.call('EXPIRE', list, ARGV[4])
end
-- The eldest are at the end. One that can't be read stays until it is one too many.
for _ = 1, tonumber(ARGV[5]) do
  local eldest = redis.call('LINDEX', list, -1)
  if not eldest then return end
  local isRead, letter = pcall(cjson.decode, eldest)
  if not isRead or type(letter) ~= 'table' or type(letter.at) ~= 'string' or letter.at >= ARGV[3] then return end
  redis.call('RPOP', list)
end
