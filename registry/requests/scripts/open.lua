-- open: a rep asks for something, unless the same is asked for already.
-- KEYS  1 to 6 as in prelude, of the new request · 7 all · 8 the rep's · 9 the number's
-- ARGV  1 new id · 2 key · 3 most open ones of one rep · 4 keep ms · 5 expire ms · 6 escalate ms · 7 steps
--       8 step that it begins with; as many as there are steps: all have consented by asking · 9 who opened it · 10 rep
--       11... field, value of what the caller says
-- Returns outcome and the request's fields: 'new', 'open' SEP id (the same is open; no fields), 'many' (no fields).

local id, key, keep = ARGV[1], ARGV[2], tonumber(ARGV[4])
local same = redis.call('HGET', KEYS[4], key)
if same then return {'open' .. SEP .. same} end

local now = clock()
if tonumber(redis.call('HGET', KEYS[6], ARGV[10]) or 0) >= tonumber(ARGV[3]) then return {'many'} end
redis.call('HINCRBY', KEYS[6], ARGV[10], 1)

redis.call('HSET', KEYS[1], 'key', key, 'state', 'open', 'opened', whole(now), 'expires', whole(now + tonumber(ARGV[5])),
  'escalate', ARGV[6], 'steps', ARGV[7], 'answers', '0', 'rep', ARGV[10], unpack(ARGV, 11))
redis.call('HSET', KEYS[4], key, id)
local longest = keep + 366 * 86400000 -- no request is open for longer than a year
for i = 7, 9 do
  redis.call('ZADD', KEYS[i], whole(now), id)
  redis.call('ZREMRANGEBYSCORE', KEYS[i], '-inf', '(' .. whole(now - longest))
  redis.call('PEXPIRE', KEYS[i], whole(longest))
end
redis.call('ZADD', KEYS[3], whole(now), id)

local f = facts()
local at = tonumber(ARGV[8])
schedule(id, f, at, now)
f.at = whole(at)
out(id, f, 'open', ARGV[9], f.reason, 'open')
if at >= steps(f) then
  settle(id, f, 'approved', now)
  out(id, f, 'approve', f.rep, '', 'approved')
end
return told('new')
