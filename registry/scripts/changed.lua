-- changed: whether ends of protection must be reckoned anew since the rules have changed, and from which bucket on. Gates
-- that do not agree on the rules begin to wait again whenever one has its turn after another.
-- KEYS  1 state of the pool
-- ARGV  1 the rules as this gate has them, see until_ · 2 ms that they must have been in force
-- Returns the first bucket to go through, -1 when there is nothing to do, -2 while it must wait.

local now = clock()
local f = redis.call('HMGET', KEYS[1], 'rules', 'next', 'since', 'bucket')
if not f[1] then -- what is owned was claimed under these, or before there were any
  redis.call('HSET', KEYS[1], 'rules', ARGV[1])
  return -1
end
if f[1] == ARGV[1] then
  if f[2] then redis.call('HDEL', KEYS[1], 'next', 'since', 'bucket') end
  return -1
end
if f[2] ~= ARGV[1] then
  redis.call('HSET', KEYS[1], 'next', ARGV[1], 'since', whole(now), 'bucket', '0')
  f[3], f[4] = now, 0
end
if now < tonumber(f[3]) + tonumber(ARGV[2]) then return -2 end
return tonumber(f[4])
