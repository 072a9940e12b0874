-- effect: somebody takes it upon itself to carry an approved request out, or says how that went.
-- KEYS  as in prelude
-- ARGV  1 id · 2 take, done, failed or later · 3 lease ms (take), wait ms (later) · 4 why (failed) · 5 keep ms
-- Returns outcome and the request's fields: 'yes', 'no' (it is not approved, or another has taken it), 'none'.

local id, what = ARGV[1], ARGV[2]
local f = facts()
if not f then return {'none'} end
if f.state ~= 'approved' then return told('no') end
local now = clock()

if what == 'take' then
  if now < tonumber(f.lease or 0) then return told('no') end
  local ends = whole(now + tonumber(ARGV[3]))
  redis.call('HSET', KEYS[1], 'lease', ends)
  redis.call('ZADD', KEYS[2], ends, id) -- should it die now, another is due then
  return told('yes')
end
if what == 'later' then
  redis.call('HSET', KEYS[1], 'lease', '0')
  redis.call('ZADD', KEYS[2], whole(now + tonumber(ARGV[3])), id)
  return told('yes')
end
settle(id, f, what, now)
if what == 'failed' then
  redis.call('HSET', KEYS[1], 'failure', ARGV[4])
  out(id, f, 'fail', '', ARGV[4], 'failed')
else
  out(id, f, 'carry_out', '', '', 'done')
end
redis.call('PEXPIRE', KEYS[1], ARGV[5])
return told('yes')
