-- Stands behind wakeBegin.lua and the helpers: the request joins the wake that waits, as long as not too many have. The
-- variables and what is returned are told there.
local waiters, itsSecret = before[2], before[3]
local lead = string.match(waiters, '^[^\n]+')
-- Its process may live and hold this wait no more: then it says so by leaving.
local inbox, number = string.match(lead, '(%S+) (%S+)')
local isHeard = redis.call('PUBLISH', inbox, '0 joined ' .. number .. ' ' .. record) > 0
local how, unheard = 'joined', ''
if isHeard or not unheardIsDead then
  local _, joined = string.gsub(waiters, '\n', '')
  if joined + 1 >= most then return { 'full', left, '', {}, '' } end
  if not isHeard then unheard = lead end
  redis.call('HSET', record, 'waiters', waiters .. '\n' .. waiter)
else
  local all = listOf(waiters)
  all[#all + 1] = waiter
  table.remove(all, 1)
  all = passLead(record, all, itsSecret, 'unsure', true, waiter)
  redis.call('HSET', record, 'waiters', table.concat(all, '\n'))
  if all[1] == waiter then how = 'leads' end
end
return { how, left, itsSecret or '', devices and redis.call('HVALS', devices) or {}, unheard }
