-- Stands in front of each script that changes a wake: how those who wait for it, and the verdict streams of its phones,
-- are told. A waiter is '<inbox> <number>'; the waiters stand in the record with line feeds between, the one that
-- pushes first.

-- What a waiter is told bears a proof that can be made only by a program that can read the record: without it, whoever may
-- publish could have a PBX told that a phone is ready.
local function tellWaiter(waiter, secret, event, reason, device)
  local inbox, number = string.match(waiter, '(%S+) (%S+)')
  local line = number .. ' ' .. event .. ' ' .. reason .. ' ' .. device
  if secret then line = line .. '\n' .. string.sub(redis.sha1hex(secret .. ' ' .. line), 1, 16) end
  return redis.call('PUBLISH', inbox, line)
end

local function tellWaiters(waiters, secret, event, reason, device)
  local heard = 0
  for waiter in string.gmatch(waiters, '[^\n]+') do
    heard = heard + tellWaiter(waiter, secret, event, reason, device)
  end
  return heard
end

-- The processes that hold streams of this wake look at the record themselves.
local function tellStreams(record, watchers)
  for channel in string.gmatch(watchers or '', '[^\n]+') do redis.call('PUBLISH', channel, record) end
end
