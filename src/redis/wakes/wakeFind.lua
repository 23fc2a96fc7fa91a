-- Stands in front of the scripts that serve an app: which wake and which of its phones the app means, by its token or by
-- the unique key of its push alone. A key belongs to one wake and one device: when the same call id woke the account
-- once more, the former wake's keys and tokens find nothing to confirm.

-- As `wakeNameOf` in uniqueKeys.ts.
local function nameOf(secret) return tonumber(string.sub(redis.sha1hex(secret), 1, 8), 16) % 99999 + 1 end

-- key: the record, or what is kept under the unique key; by: 'token', 'claims' (of a token that nobody has verified: the
-- unique key must prove them) or 'key'; device: '' for 'key'; given: the unique key that the app posted, or ''; name: the
-- wake's name in the token, or ''.
-- Returns the record, the device and the record's fields; or nil and why not: 'unknown', 'expired' (it was another
-- wake's), 'misfit' (the unique key is not the token's).
local function findWake(key, by, device, given, name)
  local record = key
  if by == 'key' then
    local kept = redis.call('GET', key)
    if not kept then return nil, 'unknown' end
    record, device = string.match(kept, '^(%S+) (.+)$')
  end
  local fields = redis.call('HMGET', record, 'state', 'reason', 'waiters', 'answer:' .. device, 'secret', 'watchers', 'device', 'over')
  local state, secret = fields[1], fields[5]
  if not state or by ~= 'token' and not secret then return nil, 'unknown' end
  if secret then
    if name ~= '' and tonumber(name) ~= nameOf(secret) then return nil, 'expired' end
    -- In a Cluster the last five digits put the key on the record's slot.
    if given ~= '' and string.sub(given, 1, 27) ~= string.sub(redis.sha1hex(secret .. device), 1, 27) then
      return nil, by == 'key' and 'expired' or 'misfit'
    end
  end
  return record, device, fields
end

-- What the phone is told of a wake that has ended; how: the reason that the record keeps.
local function verdictOfEnd(how)
  if how == 'confirmed' or how == 'answered_elsewhere' then return 'answered_elsewhere' end
  if how == 'caller-gone' or how == 'caller_hangup' then return 'ended' end
  return 'expired'
end
