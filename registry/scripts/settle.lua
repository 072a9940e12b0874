-- settle: what became of numbers that room was reserved for. What the rep owns is held from now on, even when the claim took
-- so long that Mend has given up what was pending: to count too much is mended, to count too little is not.
-- KEYS  1 pending · 2 counts · 3… for each number that the rep now owns the set of the held and that of those with a closed
--       deal, among which it is not yet
-- ARGV  1 token · 2 '1': a claim from the pool was made · 3… digits of those that the rep now owns
-- Returns 1, or 0 when nothing was pending by that token.

local entry = redis.call('HGET', KEYS[1], ARGV[1])
local added = 0
for i = 3, #ARGV do
  added = added + redis.call('SADD', KEYS[2 * i - 3], ARGV[i])
  if entry and redis.call('SREM', KEYS[2 * i - 2], ARGV[i]) == 1 then redis.call('HINCRBY', KEYS[2], 'v', -1) end
end
if added > 0 then redis.call('HINCRBY', KEYS[2], 'n', added) end
redis.call('HINCRBY', KEYS[2], 'g', 1)
if not entry then return 0 end
redis.call('HDEL', KEYS[1], ARGV[1])
local credit = string.match(entry, '^%d+' .. SEP .. '(%d*)')
if credit ~= '' and ARGV[2] ~= '1' and redis.call('HGET', KEYS[2], 'd') == credit then
  redis.call('HINCRBY', KEYS[2], 'c', -1)
end
return 1
