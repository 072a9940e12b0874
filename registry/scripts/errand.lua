-- errand: what a feature code asks for is done once, however often and at however many gates its INVITE arrives.
-- KEYS  1 the errand's mark · 2 number · 3 stream
-- ARGV  1 begin, end or drop · 2 ms that it is remembered · 3 what came of it (end) · 4 code · 5 owner · 6 rep
--       7 record between rep and list · 8 result · 9 scope · 10 keep ms (4 to 10: end)
-- Returns '+' when it is begun, ended or dropped here, else what came of it: '' while another is at it.

if ARGV[1] == 'begin' then
  if redis.call('SET', KEYS[1], '', 'NX', 'PX', ARGV[2]) then return '+' end
  return redis.call('GET', KEYS[1])
end
if ARGV[1] == 'drop' then
  redis.call('DEL', KEYS[1])
  return '+'
end
redis.call('SET', KEYS[1], ARGV[3], 'PX', ARGV[2])
local now, us = clock()
local n = facts(KEYS[2], ARGV[9])
local entry = record(KEYS[3], now, us, ARGV[10], n.last, 'k', '', ARGV[4], ARGV[5], ARGV[6], ARGV[7],
  '', '', '', '', '', ARGV[8], ARGV[9])
redis.call('HSET', KEYS[2], 'p', entry)
keep(KEYS[2], n, now, ARGV[10])
return '+'
