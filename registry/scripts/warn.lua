-- warn: one record for each number that will soon be recycled, once for each end that its protection has.
-- KEYS  1 stream · 2 owned · 3 pool · 4 changed · 5... the number of each member
-- ARGV  1 keep ms · 2 record between number and list · 3 ms before the end · 4 rules, unused · 5... members of owned
-- Returns how many were written.

local forget, ahead = ARGV[1], tonumber(ARGV[3])
local now, us = clock()
local warned = 0
for i = 5, #ARGV do
  local key = KEYS[i]
  local digits, scope = string.match(ARGV[i], '^(%d+):?(.*)$')
  local f = redis.call('HMGET', key, at('o', scope), at('u', scope), at('y', scope))
  local owner, ends = f[1] or '', tonumber(f[2] or 0)
  if owner ~= '' and ends > now and ends <= now + ahead and f[3] ~= f[2] then
    local n = facts(key, scope)
    local entry = record(KEYS[1], now, us + i, forget, n.last, 'q', '', 'warn', owner, '', digits .. SEP .. ARGV[2],
      '', '', '', '', '', '', scope, detail('until', f[2]))
    redis.call('HSET', key, at('y', scope), f[2], 'p', entry)
    keep(key, n, now, forget)
    warned = warned + 1
  end
end
return {whole(warned)}
