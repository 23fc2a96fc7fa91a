-- An app answers. First confirmation wins; a repeated answer gets the first one's verdict again.
-- KEYS[1]: the record, or what is kept under the unique key
-- ARGV[1]: 'token', 'claims' or 'key': by what the app is known
-- ARGV[2]: device ('' with 'key')
-- ARGV[3]: the unique key that was posted, or ''
-- ARGV[4]: the wake's name in the token, or ''
-- ARGV[5]: '1' available, or '0'
-- ARGV[6]: grace ms
-- ARGV[7]: '1' if an unheard PUBLISH means a dead waiter
-- ARGV[8]: '@' and when the push was sent that the app says it answers (ms), or ''
-- Returns {verdict, record, device}: proceed, expired, ended, answered_elsewhere, unknown, misfit; or {'unheard', record,
-- device, waiters}: it is confirmed, and whether any of them heard it is to be found out (see wakeHeard.lua).
local available, grace, unheardIsDead, saysPush = ARGV[5] == '1', tonumber(ARGV[6]), ARGV[7] == '1', ARGV[8]

if before == 'unheard' then return { 'unheard', record, device, waiters } end
if before then return { before, record, device } end

if state == 'waiting' then
  if redis.call('PTTL', record) <= grace then
    -- The deadline has passed and its owner did not say so: it is slow, or dead.
    reason = 'timeout'
  elseif not available then
    redis.call('HSET', record, answer, 'proceed')
    tellWaiters(waiters, secret, 'unavailable', saysPush, device)
    return { 'proceed', record, device }
  else
    redis.call('HSET', record, answer, 'proceed', 'state', 'confirmed', 'reason', 'confirmed', 'device', device)
    if tellWaiters(waiters, secret, 'confirmed', 'confirmed' .. saysPush, device) > 0 then
      tellStreams(record, watchers)
      return { 'proceed', record, device }
    end
    if not unheardIsDead then
      redis.call('HSET', record, answer, 'unheard')
      return { 'unheard', record, device, waiters }
    end
    -- Nobody listens at the waiter's inbox: its pod died, and the PBX's request with it.
    redis.call('HDEL', record, answer, 'device')
    reason = 'caller-gone'
  end
  redis.call('HSET', record, 'state', 'ended', 'reason', reason)
  if reason == 'timeout' then tellWaiters(waiters, secret, 'ended', reason, '') end
  tellStreams(record, watchers)
end

return { verdictOfEnd(reason), record, device }
