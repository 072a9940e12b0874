-- customer: adds, changes or removes a customer, with all of its unique values or not at all.
-- KEYS  1 record · 2 owners · 3 journal · 4 journal's count · then, for each mark, the bucket of the index it belongs to
-- ARGV  1 id · 2 version it has, '' for a new one · 3 '1': it is removed · 4 how many marks it is to have · 5 how many it
--       gives up · 6 how many entries of the journal · 7 how many fields go · then these marks, entries and fields, and
--       after them the fields to set, each before its value
-- A mark stands for one unique value: 2 bytes that choose the bucket, 10 that are its field there.
-- Returns done and the version it has now; changed when it has another version than was said; taken, which of the marks
-- and whose that is.

local id, version, removed = ARGV[1], ARGV[2], ARGV[3] == '1'
local marks, gives, entries, drops = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])
local has = redis.call('HGET', KEYS[1], 'v') or ''
if has ~= version then return {'changed', has} end

for i = 1, marks do
  local holder = redis.call('HGET', KEYS[4 + i], string.sub(ARGV[7 + i], 3))
  if holder and holder ~= id then return {'taken', whole(i - 1), holder} end
end

local at = 7
for i = 1, marks do redis.call('HSET', KEYS[4 + i], string.sub(ARGV[at + i], 3), id) end
for i = marks + 1, marks + gives do redis.call('HDEL', KEYS[4 + i], string.sub(ARGV[at + i], 3)) end
at = at + marks + gives
local order
for i = at + 1, at + entries do
  order = redis.call('INCR', KEYS[4])
  redis.call('ZADD', KEYS[3], order, ARGV[i])
end
at = at + entries

if removed then
  redis.call('DEL', KEYS[1], KEYS[2])
  return {'done', ''}
end
for i = at + 1, at + drops do redis.call('HDEL', KEYS[1], ARGV[i]) end
for i = at + drops + 1, #ARGV, 2 do redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1]) end
if order then redis.call('HSET', KEYS[1], 'n', whole(order)) end
return {'done', whole(redis.call('HINCRBY', KEYS[1], 'v', 1))}
