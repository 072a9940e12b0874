-- sealed: a pass with a PIN. It is granted, and opened by its PIN, which makes it a pass like any other for a short time;
-- or revoked. Whether a PIN is right is found out before; what is done about it is done here, so that of any number of
-- tries at once no more count than may.
-- KEYS  1 number · 2 stream · 3 passes
-- ARGV  1 grant, open or revoke · 2 rep · 3 digits · 4 operator · 5 record between rep and list · 6 keep ms
--       7 ms that it lasts (grant), or is open (open) · 8 id (grant; open: of the one whose PIN was tried)
--       9 reason (grant) · 10 salt (grant) · 11 digest (grant) · 12 '1': the PIN was right (open) · 13 most wrong PINs (open)
-- Returns state, see prelude: done (after a revoke: as it was before), wrong, burnt or nobody (has one).

local action, rep, forget = ARGV[1], ARGV[2], ARGV[6]
local sealed, open, member = 'ts:' .. rep, 't:' .. rep, ARGV[3] .. ':' .. rep
local now, us = clock()
local n = facts(KEYS[1])

-- the field is until SEP id SEP reason SEP by SEP salt SEP digest SEP wrong PINs so far
local f = {}
for text in string.gmatch((redis.call('HGET', KEYS[1], sealed) or '') .. SEP, '([^' .. SEP .. ']*)' .. SEP) do
  table.insert(f, text)
end
local ends, id = tonumber(f[1] or ''), f[2]
local there = ends and ends > now

local function write(what, why)
  local entry = record(KEYS[2], now, us, forget, n.last, 'p', '', what, '', ARGV[4], ARGV[5], '', '', '', '', '', why, '',
    detail('pass', id, 'rep', rep, 'ms', what == 'open' and whole(ends - now) or ''))
  redis.call('HSET', KEYS[1], 'p', entry)
  keep(KEYS[1], n, now, forget)
  local left = redis.call('PTTL', KEYS[1])
  if left >= 0 and there and left < ends - now then redis.call('PEXPIRE', KEYS[1], whole(ends - now)) end
end

if action == 'grant' then
  local all = redis.call('HGETALL', KEYS[1])
  for i = 1, #all, 2 do -- those that have run out
    if string.sub(all[i], 1, 3) == 'ts:' and tonumber(string.match(all[i + 1], '^%d+')) <= now then redis.call('HDEL', KEYS[1], all[i]) end
  end
  ends, id, there = now + tonumber(ARGV[7]), ARGV[8], true
  redis.call('HSET', KEYS[1], sealed, table.concat({whole(ends), id, ARGV[9], ARGV[4], ARGV[10], ARGV[11], '0'}, SEP))
  redis.call('HDEL', KEYS[1], open)
  redis.call('ZADD', KEYS[3], whole(ends), member)
  write('grant', ARGV[9])
  return state('done', KEYS[1], now)
end

if not there then
  redis.call('HDEL', KEYS[1], sealed)
  return state('nobody', KEYS[1], now)
end

if action == 'revoke' then
  local before = state('done', KEYS[1], now)
  redis.call('HDEL', KEYS[1], sealed)
  write('revoke', '')
  return before
end

if id ~= ARGV[8] then return state('nobody', KEYS[1], now) end -- another was granted meanwhile
if ARGV[12] == '1' then
  ends = math.min(ends, now + tonumber(ARGV[7]))
  redis.call('HSET', KEYS[1], open, table.concat({whole(ends), id, f[3], f[4]}, SEP))
  redis.call('HDEL', KEYS[1], sealed)
  redis.call('ZADD', KEYS[3], whole(ends), member)
  write('open', '')
  return state('done', KEYS[1], now)
end
f[7] = whole(tonumber(f[7]) + 1)
if tonumber(f[7]) >= tonumber(ARGV[13]) then
  redis.call('HDEL', KEYS[1], sealed)
  redis.call('ZREM', KEYS[3], member)
  write('burn', '')
  return state('burnt', KEYS[1], now)
end
redis.call('HSET', KEYS[1], sealed, table.concat(f, SEP))
return state('wrong', KEYS[1], now)
