-- journal: an entry of the customers' journal is done with, unless it was made anew meanwhile.
-- KEYS  1 journal
-- ARGV  1 entry · 2 its place in the order
-- Returns 1 when it was taken out, else 0.

if redis.call('ZSCORE', KEYS[1], ARGV[1]) ~= ARGV[2] then return 0 end
return redis.call('ZREM', KEYS[1], ARGV[1])
