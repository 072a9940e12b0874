-- noted: writes down a decision that a gate took without asking.
-- KEYS  1 stream · 2 mark of this decision · 3 number, left out when what was dialled is no E.164 number
-- ARGV  1 the record after its second field · 2 remember ms · 3 keep ms
-- Returns 1 when it was written, 0 when it had been before.

if not redis.call('SET', KEYS[2], '1', 'NX', 'PX', ARGV[2]) then return 0 end
local now, us = clock()
if not KEYS[3] then
  record(KEYS[1], now, us, ARGV[3], '', ARGV[1])
  return 1
end
local n = facts(KEYS[3])
redis.call('HSET', KEYS[3], 'p', record(KEYS[1], now, us, ARGV[3], n.last, ARGV[1]))
keep(KEYS[3], n, now, ARGV[3])
return 1
