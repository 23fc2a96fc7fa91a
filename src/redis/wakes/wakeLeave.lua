-- A PBX request was dropped, or is not held by whom the record says. The last one to leave ends the wake; otherwise the
-- next one that lives takes over the pushes.
-- KEYS[1]: record
-- ARGV[1]: waiter
-- ARGV[2]: how many attempts it has sent, or 'unsure'; after a blank, what each device was sent
-- ARGV[3]: '1' if an unheard PUBLISH means a dead waiter
-- Returns {how, waiter}. How: 'ended' (this was the last), 'left' (others wait on), 'decided' (too late: there is an
-- outcome), 'unknown' (it does not wait). The waiter, or '': the one that pushes from now on did not hear so, which in a
-- Cluster leaves open whether it lives.
local record, leaving, pushed, unheardIsDead = KEYS[1], ARGV[1], ARGV[2], ARGV[3] == '1'

local found = redis.call('HMGET', record, 'state', 'waiters', 'secret', 'watchers')
local state, waiters, secret, watchers = unpack(found)
if state ~= 'waiting' then return { 'decided', '' } end

local staying, position, all = {}, 0, listOf(waiters)
for at, waiter in ipairs(all) do
  if waiter == leaving then position = at else staying[#staying + 1] = waiter end
end
if position == 0 then return { 'unknown', '' } end

local unheard = ''
if position == 1 then staying, unheard = passLead(record, staying, secret, pushed, unheardIsDead) end
if #staying == 0 then
  redis.call('HSET', record, 'state', 'ended', 'reason', 'caller-gone')
  tellStreams(record, watchers)
  return { 'ended', '' }
end
redis.call('HSET', record, 'waiters', table.concat(staying, '\n'))
return { 'left', unheard }
