-- later: an attempt failed; the next one is due after a while, unless somebody has delivered it meanwhile.
-- KEYS  1 due
-- ARGV  1 delivery · 2 wait ms
-- Returns 1 when it is still there.

if not redis.call('ZSCORE', KEYS[1], ARGV[1]) then return 0 end
local t = redis.call('TIME')
local now = tonumber(t[1]) * 1000 + math.floor(tonumber(t[2]) / 1000)
redis.call('ZADD', KEYS[1], string.format('%d', now + tonumber(ARGV[2])), ARGV[1])
return 1
