-- Gives out the turns of one switch, evenly spaced, by Redis' own time.
-- KEYS[1]: when the next turn is free (microseconds of the epoch)
-- ARGV[1]: microseconds that this turn takes
-- ARGV[2]: microseconds beyond which a turn is none that anybody waits for: a clock was set
-- ARGV[3]: expiry ms
-- Returns the milliseconds until it begins.
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
local free = tonumber(redis.call('GET', KEYS[1]) or '0')
if free < now or free > now + tonumber(ARGV[2]) then free = now end
redis.call('SET', KEYS[1], string.format('%.0f', free + tonumber(ARGV[1])), 'PX', ARGV[3])
return math.ceil((free - now) / 1000)
