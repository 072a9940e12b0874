-- listing: an operator puts one number on a do-not-call list, or takes it off.
-- KEYS  1 number · 2 stream · 3 listed
-- ARGV  1 add or remove · 2 list · 3 note (add) · 4 digits · 5 operator · 6 record between rep and list · 7 keep ms
-- Returns state, see prelude: done or nobody (remove: it was not on that list).

local action, list = ARGV[1], ARGV[2]
local now, us = clock()
local n = facts(KEYS[1])

local others, on = {}, false
for name in string.gmatch(n.lists, '[^' .. SEP .. ']+') do
  if name == list then on = true else table.insert(others, name) end
end

if action == 'remove' then
  if not on then return state('nobody', KEYS[1], now) end
  redis.call('HDEL', KEYS[1], 'd:' .. list)
else
  table.insert(others, list)
  redis.call('HSET', KEYS[1], 'd:' .. list, table.concat({whole(now), ARGV[5], ARGV[3]}, SEP))
end

n.lists = table.concat(others, SEP)
if n.lists ~= '' then
  redis.call('HSET', KEYS[1], 'd', n.lists)
  redis.call('ZADD', KEYS[3], whole(now), ARGV[4])
else
  redis.call('HDEL', KEYS[1], 'd')
  redis.call('ZREM', KEYS[3], ARGV[4])
end
local entry = record(KEYS[2], now, us, ARGV[7], n.last, 'l', '', action, '', ARGV[5], ARGV[6], list, '', '', '', '', ARGV[3])
redis.call('HSET', KEYS[1], 'p', entry)
keep(KEYS[1], n, now, ARGV[7])
return state('done', KEYS[1], now)
