-- Publishes a message that may be sent twice: because the first answer was late or lost, or by two who know of it.
-- KEYS: its marks, one for each name that it goes by.   ARGV: channel, message, how long the marks stay (ms).
local isFirst = true
for _, mark in ipairs(KEYS) do
  if not redis.call('SET', mark, '1', 'NX', 'PX', ARGV[3]) then isFirst = false end
end
if isFirst then redis.call('PUBLISH', ARGV[1], ARGV[2]) end
return 1
