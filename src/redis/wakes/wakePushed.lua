-- Notes which phones are about to be pushed for a wake, so that their next REGISTER confirms it. The first push counts:
-- a resend changes nothing. Marks of wakes that are over go.
-- KEYS[1]: phones pushed for waiting wakes
-- ARGV[1]: record
-- ARGV[2]: the wake's name
-- ARGV[3]: now, ms
-- ARGV[4]: the wake's end, ms
-- ARGV[5], ARGV[6] …: the phones' devices
-- Returns nothing.
local pushed, record, name, now, ends = KEYS[1], ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])

local last = ends
local marks = redis.call('HGETALL', pushed)
for i = 1, #marks, 2 do
  local itsName, itsEnd = string.match(marks[i + 1], '^(%d+) %d+ (%d+)$')
  itsEnd = tonumber(itsEnd)
  local isFormer = string.match(marks[i], '^%S+ (.+)$') == record and itsName ~= name
  if itsEnd <= now or isFormer then redis.call('HDEL', pushed, marks[i])
  elseif itsEnd > last then last = itsEnd end
end
for i = 5, #ARGV do
  redis.call('HSETNX', pushed, ARGV[i] .. ' ' .. record, name .. ' ' .. ARGV[3] .. ' ' .. ARGV[4])
end
redis.call('PEXPIRE', pushed, math.max(1, last - now))
