-- Appends entries to timelines, each of which keeps its first entries and its newest. Outside a Cluster it does the rest
-- too: notes new timelines under their accounts, and deletes those beyond the most that are kept.
-- KEYS[1]: outside a Cluster the list of all timelines; in a Cluster the one timeline that is written to
-- ARGV[1]: '1' outside a Cluster, or '0'
-- ARGV[2]: how many first entries stay
-- ARGV[3]: how many entries in all
-- ARGV[4]: expiry s
-- ARGV[5]: what timelines' keys begin with
-- ARGV[6]: what accounts' indexes begin with
-- ARGV[7]: ids an index keeps
-- ARGV[8]: most timelines in all
-- ARGV[9]: now ms
-- ARGV[10]: the text: for each timeline a line `entries left out before they came here, ms of the first, id, account` with
-- blanks between (the account may be missing), then perhaps a line `=unique key unique key …` of the phones' keys by which
-- the timeline is found too, then a line for each entry, which begins with a brace. Both kinds stay as they are.
-- ARGV[11]: what the keys begin with that say of unique keys whose they are
-- ARGV[12]: their expiry s when their timeline is deleted
-- Returns how many timelines begin with this.
local isWhole, firstMax, entriesMax, expiry = ARGV[1] == '1', tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4]
local prefix, indexPrefix, indexMax, timelinesMax, nowMs = ARGV[5], ARGV[6], ARGV[7], ARGV[8], ARGV[9]
local keyPrefix, keyRest = ARGV[11], ARGV[12]
local BRACE, EQUALS = string.byte('{'), string.byte('=')

-- Behind the first entries stands how many are missing there: {"leftOut":12}
local function leave(key, leftOut)
  local length = redis.call('LLEN', key)
  local behind = redis.call('LINDEX', key, firstMax)
  local known = behind and string.match(behind, '^{"leftOut":(%d+)}$')
  local surplus = math.max(0, (known and length - 1 or length) - entriesMax)
  if leftOut + surplus == 0 then return end
  local first = redis.call('LRANGE', key, 0, firstMax - 1)
  -- Away with the first ones, the old mark and the surplus; then the first ones again, before a new mark.
  redis.call('LTRIM', key, #first + (known and 1 or 0) + surplus, -1)
  redis.call('LPUSH', key, string.format('{"leftOut":%d}', (tonumber(known) or 0) + leftOut + surplus))
  for index = #first, 1, -1 do redis.call('LPUSH', key, first[index]) end
end

-- Whose a unique key is, is kept for as long as there is something to tell of it.
local function keep(uniqueKeys, seconds)
  for uniqueKey in string.gmatch(uniqueKeys, '%x+') do redis.call('EXPIRE', keyPrefix .. uniqueKey, seconds) end
end

local begun, entries, header = {}, {}, nil

local function append()
  if not header then return end
  local leftOut, atMs, id, account = string.match(header, '^(%d+) (%d+) (%S+) ?(%S*)$')
  local key = isWhole and prefix .. id or KEYS[1]
  local length = redis.call('RPUSH', key, unpack(entries))
  if length > entriesMax or leftOut ~= '0' then leave(key, tonumber(leftOut)) end
  if length == #entries then
    redis.call('EXPIRE', key, expiry)
    begun[#begun + 1] = nowMs
    begun[#begun + 1] = id
  end
  if not isWhole then return end
  if string.byte(entries[1]) == EQUALS then keep(entries[1], expiry) end
  if account == '' then return end
  local index = indexPrefix .. account
  redis.call('ZADD', index, atMs, id)
  redis.call('ZREMRANGEBYRANK', index, 0, -1 - tonumber(indexMax))
  redis.call('EXPIRE', index, expiry)
end

for line in string.gmatch(ARGV[10], '[^\n]+') do
  local first = string.byte(line)
  if first == BRACE or first == EQUALS then
    entries[#entries + 1] = line
  else
    append()
    header, entries = line, {}
  end
end
append()

if #begun == 0 or not isWhole then return #begun / 2 end
redis.call('ZADD', KEYS[1], unpack(begun))
redis.call('EXPIRE', KEYS[1], expiry)
local surplus = redis.call('ZCARD', KEYS[1]) - tonumber(timelinesMax)
if surplus <= 0 then return 0 end
local popped = redis.call('ZPOPMIN', KEYS[1], math.min(surplus, 1000))
for index = 1, #popped, 2 do
  local id = popped[index]
  for _, entry in ipairs(redis.call('LRANGE', prefix .. id, 0, firstMax - 1)) do
    if string.byte(entry) == EQUALS then keep(entry, keyRest) end
  end
  redis.call('UNLINK', prefix .. id)
end
return #begun / 2
