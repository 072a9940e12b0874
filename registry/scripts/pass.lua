-- pass: a supervisor grants one rep one call to one number, or takes that back. It is used up in decide.
-- KEYS  1 number · 2 stream · 3 passes
-- ARGV  1 grant or revoke · 2 rep · 3 ms (grant) · 4 id (grant) · 5 reason (grant) · 6 digits · 7 operator
--       8 record between rep and list · 9 keep ms
-- Returns state, see prelude: done (after a revoke: as it was before) or nobody (has one to revoke).

local now, us = clock()
local n = facts(KEYS[1])
local field, member = 't:' .. ARGV[2], ARGV[6] .. ':' .. ARGV[2]

-- passes of this number that have run out
local all = redis.call('HGETALL', KEYS[1])
for i = 1, #all, 2 do
  if string.sub(all[i], 1, 2) == 't:' and tonumber(string.match(all[i + 1], '^%d+')) <= now then
    redis.call('HDEL', KEYS[1], all[i])
  end
end
redis.call('ZREMRANGEBYSCORE', KEYS[3], '-inf', whole(now))

local before = redis.call('HGET', KEYS[1], field)
local id, reply = ARGV[4], nil
if ARGV[1] == 'revoke' then
  if not before then return state('nobody', KEYS[1], now) end
  reply = state('done', KEYS[1], now)
  id = string.match(before, '^%d+' .. SEP .. '([^' .. SEP .. ']*)')
  redis.call('HDEL', KEYS[1], field)
  redis.call('ZREM', KEYS[3], member)
else
  local ends = now + tonumber(ARGV[3])
  redis.call('HSET', KEYS[1], field, table.concat({whole(ends), id, ARGV[5], ARGV[7]}, SEP))
  redis.call('ZADD', KEYS[3], whole(ends), member)
end
local more = detail('pass', id, 'rep', ARGV[2], 'ms', ARGV[1] == 'grant' and ARGV[3] or '')
local entry = record(KEYS[2], now, us, ARGV[9], n.last, 'p', '', ARGV[1], '', ARGV[7], ARGV[8], '', '', '', '', '', ARGV[5],
  '', more)
redis.call('HSET', KEYS[1], 'p', entry)
keep(KEYS[1], n, now, ARGV[9])
return reply or state('done', KEYS[1], now)
