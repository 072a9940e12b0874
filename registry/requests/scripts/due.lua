-- due: what happens to a request by itself, if its time has come: it goes to the next step, or expires.
-- KEYS  as in prelude
-- ARGV  1 id · 2 keep ms
-- Returns outcome and the request's fields: 'moved', 'expired', 'effect' (approved: its effect is to come), 'early'
-- (nothing is due), 'none' (no such request, no fields; it is due no more).

local id = ARGV[1]
local f = facts()
if not f then
  redis.call('ZREM', KEYS[2], id)
  redis.call('ZREM', KEYS[3], id)
  return {'none'}
end
local now = clock()
if f.state == 'approved' then return told('effect') end
if f.state ~= 'open' then
  redis.call('ZREM', KEYS[2], id)
  return told('early')
end
if now >= tonumber(f.expires) then
  expire(id, f, now)
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
  return told('expired')
end
if now < tonumber(f.due) or tonumber(f.at) + 1 >= steps(f) then return told('early') end
answered(f, 'escalate', '', now, '')
out(id, f, 'escalate', '', '', 'open')
schedule(id, f, tonumber(f.at) + 1, now)
return told('moved')
