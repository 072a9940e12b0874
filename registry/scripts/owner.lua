-- owner: an operator claims a number for a rep, releases it or transfers it.
-- KEYS  1 number · 2 stream · 3 owned
-- ARGV  1 claim, release or transfer · 2 rep · 3 rep's extension · 4 protection ms (claim) · 5 digits · 6 operator
--       7 record between rep and list · 8 keep ms
-- Returns state, see prelude: done (after a release: as it was before), owned (by a colleague), refused, nobody (owns it).

local action, rep, extension, forget = ARGV[1], ARGV[2], ARGV[3], ARGV[8]
local now, us = clock()
local n = facts(KEYS[1])
local owned = n.owner ~= '' and n.owned > now

local function write(owner, note)
  local entry = record(KEYS[2], now, us, forget, n.last, 'o', '', action, owner, ARGV[6], ARGV[7], '', '', '', '', '', note)
  redis.call('HSET', KEYS[1], 'p', entry)
  keep(KEYS[1], n, now, forget)
end

if action ~= 'claim' and not owned then return state('nobody', KEYS[1], now) end

if action == 'release' then
  local before = state('done', KEYS[1], now)
  redis.call('HDEL', KEYS[1], 'o', 'x', 's', 'u')
  redis.call('ZADD', KEYS[3], whole(now), ARGV[5])
  n.owned = 0
  write(n.owner, '')
  return before
end

if action == 'claim' then
  if owned and n.owner ~= rep then return state('owned', KEYS[1], now) end
  if n.refused > now then return state('refused', KEYS[1], now) end
  n.owned = now + tonumber(ARGV[4])
end

if n.owner == rep and owned then
  if extension == '' then extension = n.extension end
else
  redis.call('HSET', KEYS[1], 's', whole(now))
end
redis.call('HSET', KEYS[1], 'o', rep, 'x', extension, 'u', whole(n.owned))
redis.call('ZADD', KEYS[3], whole(n.owned), ARGV[5])
redis.call('ZREMRANGEBYSCORE', KEYS[3], '-inf', '(' .. whole(now - tonumber(forget)))
write(rep, action == 'transfer' and 'from ' .. n.owner or '')
return state('done', KEYS[1], now)
