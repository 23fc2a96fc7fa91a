-- Stands in front of the scripts by which the one that pushes may change.

-- Makes the first waiter that hears it the one that pushes; those before it are dead, and go. `state`: how many attempts its
-- predecessor has sent, or 'unsure', and what it tells beside that. `joining`, if it is given, needs no message.
-- In a Cluster one that nobody heard may listen at another node: then it is believed, and named in the second result.
local function passLead(record, waiters, secret, state, unheardIsDead, joining)
  -- A full Redis refuses the first write of a script. It must come before the message: whoever hears that it leads pushes.
  redis.call('HSET', record, 'state', 'waiting')
  while #waiters > 0 do
    if waiters[1] == joining then return waiters, '' end
    if tellWaiter(waiters[1], secret, 'lead', state, '') > 0 then return waiters, '' end
    if not unheardIsDead then return waiters, waiters[1] end
    table.remove(waiters, 1)
  end
  return waiters, ''
end

local function listOf(waiters)
  local list = {}
  for waiter in string.gmatch(waiters, '[^\n]+') do list[#list + 1] = waiter end
  return list
end
