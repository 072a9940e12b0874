-- switch: makes one change of the lists current, all of it or nothing.
-- KEYS  1 version counter · 2 lists · 3… keys that must live on, then keys that no version needs any longer
-- ARGV  1 counter the change was prepared on ("" when there was none) · 2 new counter · 3 list · 4 its new entry
--       5 how many keys must live on · 6 seconds until the others expire
-- returns "switched", "conflict" when another change came first, or "missing" and the key that is gone
if (redis.call('GET', KEYS[1]) or '') ~= ARGV[1] then
  return {'conflict'}
end
local needed = 2 + tonumber(ARGV[5])
for i = 3, needed do
  if redis.call('EXISTS', KEYS[i]) == 0 then
    return {'missing', KEYS[i]}
  end
end
for i = 3, needed do
  redis.call('PERSIST', KEYS[i])
end
for i = needed + 1, #KEYS do
  redis.call('EXPIRE', KEYS[i], ARGV[6])
end
redis.call('SET', KEYS[1], ARGV[2])
redis.call('HSET', KEYS[2], ARGV[3], ARGV[4])
return {'switched'}
