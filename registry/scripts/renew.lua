-- renew: prolongs the lease of a call that is up.
-- KEYS  1 number
-- ARGV  1 rep · 2 attempt id · 3 lease ms
-- Returns 1 when the call still holds its reservation, 0 when it ended, was taken over or ran out.

local now = clock()
local f = redis.call('HMGET', KEYS[1], 'fr', 'fk', 'fu')
if f[1] ~= ARGV[1] or f[2] ~= ARGV[2] or tonumber(f[3]) <= now then return 0 end
redis.call('HSET', KEYS[1], 'fu', whole(math.max(tonumber(f[3]), now + tonumber(ARGV[3]))))
return 1
