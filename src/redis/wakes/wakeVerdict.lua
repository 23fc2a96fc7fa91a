-- How a wake stands for one of its phones, without deciding anything; and from now on that phone's verdict stream is
-- told of each change.
-- KEYS[1]: the record, or what is kept under the unique key
-- ARGV[1]: 'token', 'claims' or 'key': by what the app is known
-- ARGV[2]: device ('' with 'key')
-- ARGV[3]: the unique key, or ''
-- ARGV[4]: the wake's name in the token, or ''
-- ARGV[5]: grace ms
-- ARGV[6]: the channel of the process that holds the stream
-- ARGV[7]: most such channels
-- Returns {verdict, record, device, the wake's name, ms left until the deadline}: ringing, proceed, ended,
-- answered_elsewhere, expired; or {unknown | expired | misfit}.
local grace, channel, most = tonumber(ARGV[5]), ARGV[6], tonumber(ARGV[7])

local left = redis.call('PTTL', record) - grace

local function verdict()
  -- In a Cluster it is being found out whether the confirmation was heard.
  if state == 'waiting' or before == 'unheard' then return left > 0 and 'ringing' or 'expired' end
  if state == 'confirmed' and winner == device then return over and verdictOfEnd(over) or 'proceed' end
  return verdictOfEnd(reason)
end

local found = verdict()
if found == 'ringing' or found == 'proceed' then
  local count, isKnown = 0, false
  for each in string.gmatch(watchers or '', '[^\n]+') do
    count = count + 1
    if each == channel then isKnown = true end
  end
  if not isKnown and count < most then
    redis.call('HSET', record, 'watchers', count == 0 and channel or watchers .. '\n' .. channel)
  end
end
return { found, record, device, name, left }
