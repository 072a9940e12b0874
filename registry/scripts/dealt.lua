-- dealt: a number that a rep holds has a closed deal, or no longer.
-- KEYS  1 counts · 2 set of the held · 3 set of those with a closed deal
-- ARGV  1 '1' or '0' · 2 digits
-- Returns 1 when that changed anything.

local changed = 0
if ARGV[1] ~= '1' then
  changed = -redis.call('SREM', KEYS[3], ARGV[2])
elseif redis.call('SISMEMBER', KEYS[2], ARGV[2]) == 1 then
  changed = redis.call('SADD', KEYS[3], ARGV[2])
end
if changed ~= 0 then redis.call('HINCRBY', KEYS[1], 'v', changed) end
return math.abs(changed)
