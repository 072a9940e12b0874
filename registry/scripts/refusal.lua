-- refusal: an operator writes a customer's no down, or lifts it.
-- KEYS  1 number · 2 stream · 3 refused
-- ARGV  1 refuse, hear (refuse, but never sooner than before) or lift · 2 by whom · 3 cool-down ms · 4 note · 5 digits · 6 operator
--       7 record between rep and list · 8 keep ms
-- Returns state, see prelude: done (after a lift: as it was before) or nobody (there is none to lift).

local now, us = clock()
local n = facts(KEYS[1])

local function write(note, more)
  local entry = record(KEYS[2], now, us, ARGV[8], n.last, 'r', '', ARGV[1] == 'hear' and 'refuse' or ARGV[1], '', ARGV[6],
    ARGV[7], '', '', '', '', '', note, '', more)
  redis.call('HSET', KEYS[1], 'p', entry)
  keep(KEYS[1], n, now, ARGV[8])
end

if ARGV[1] == 'lift' then
  if n.refused <= now then return state('nobody', KEYS[1], now) end
  local before = state('done', KEYS[1], now)
  redis.call('HDEL', KEYS[1], 'ru', 'rb', 'rn')
  redis.call('ZREM', KEYS[3], ARGV[5])
  n.refused = 0
  write('', '')
  return before
end

local before = n.refused
n.refused = now + tonumber(ARGV[3])
if ARGV[1] == 'hear' and before > n.refused then
  n.refused = before
else
  redis.call('HSET', KEYS[1], 'ru', whole(n.refused), 'rb', ARGV[2], 'rn', ARGV[4])
end
redis.call('ZADD', KEYS[3], whole(n.refused), ARGV[5])
redis.call('ZREMRANGEBYSCORE', KEYS[3], '-inf', whole(now))
write(ARGV[4], detail('ms', whole(n.refused - now)))
return state('done', KEYS[1], now)
