-- decide, bare: six reads and two writes, nothing written down.
-- KEYS  1 owner · 2 refusal · 3 do-not-call set · 4 frequency · 5 lock · 6 limits
-- ARGV  1 number · 2 rep · 3 Call-ID · 4 lock ms
-- Returns 'allow' or 'block'.

local owner   = redis.call('GET', KEYS[1])
local refused = redis.call('GET', KEYS[2])
local listed  = redis.call('SISMEMBER', KEYS[3], ARGV[1])
local count   = redis.call('GET', KEYS[4])
local lock    = redis.call('GET', KEYS[5])
local limit   = redis.call('HGET', KEYS[6], 'limit')
redis.call('INCR', KEYS[4])
redis.call('SET', KEYS[5], ARGV[3], 'PX', ARGV[4])
return (listed == 1 or refused) and 'block' or 'allow'
