-- Stands in front of the scripts that serve an app: which wake and which of its phones the app means, by its token or by
-- the unique key of its push. A key belongs to one wake and one device: when the same call id woke the account once
-- more, the former wake's keys and tokens find nothing to confirm. What follows has the record, the device and the
-- record's fields as variables, `answer` as the name of the device's own, and the wake's name, 0 without a secret. (Code
-- and no function: Redis makes a script's functions anew each time, and a PBX waits.)
-- KEYS[1]: the record, or what is kept under the unique key
-- ARGV[1]: by what the app is known: 'token', 'claims' (of a token that nobody has verified: the unique key must prove
-- them) or 'key'
-- ARGV[2]: device ('' with 'key')
-- ARGV[3]: the unique key that was posted, or ''
-- ARGV[4]: the wake's name in the token, or ''
-- Returns {why not} where nothing is found: 'unknown', 'expired' (it was another wake's), 'misfit' (the unique key is not
-- the token's).
local record, by, device, given = KEYS[1], ARGV[1], ARGV[2], ARGV[3]
if by == 'key' then
  local kept = redis.call('GET', record)
  if not kept then return { 'unknown' } end
  record, device = string.match(kept, '^(%S+) (.+)$')
end

local answer = 'answer:' .. device
local state, reason, waiters, before, secret, watchers, winner, over =
  unpack(redis.call('HMGET', record, 'state', 'reason', 'waiters', answer, 'secret', 'watchers', 'device', 'over'))
if not state or by ~= 'token' and not secret then return { 'unknown' } end

local name = 0
if secret then
  -- As `wakeNameOf` in uniqueKeys.ts.
  name = tonumber(string.sub(redis.sha1hex(secret), 1, 8), 16) % 99999 + 1
  if ARGV[4] ~= '' and tonumber(ARGV[4]) ~= name then return { 'expired' } end
  -- In a Cluster the last five digits put the key on the record's slot.
  if given ~= '' and string.sub(given, 1, 27) ~= string.sub(redis.sha1hex(secret .. device), 1, 27) then
    return { by == 'key' and 'expired' or 'misfit' }
  end
end

-- What the phone is told of a wake that has ended; how: the reason that the record keeps.
local function verdictOfEnd(how)
  if how == 'confirmed' or how == 'answered_elsewhere' then return 'answered_elsewhere' end
  if how == 'caller-gone' or how == 'caller_hangup' then return 'ended' end
  return 'expired'
end
