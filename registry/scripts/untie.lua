-- untie: a number is its customer's no longer. It keeps the owners it has.
-- KEYS  1 number · 2 stream · 3 changed
-- ARGV  1 customer's id · 2 digits · 3 operator · 4 record between rep and list · 5 keep ms · 6 place in the journal's order
-- Returns 1 when it was, 0 when it was not, or has become so again.

local id = ARGV[1]
local tie = redis.call('HMGET', KEYS[1], 'cu', 'ct')
if tonumber(ARGV[6]) <= tonumber(tie[2] or 0) then return 0 end
redis.call('HSET', KEYS[1], 'ct', ARGV[6]) -- so that no copy which is still on its way ties it again
if tie[1] ~= id then
  if redis.call('TTL', KEYS[1]) == -1 and not redis.call('HGET', KEYS[1], 'h') and not redis.call('HGET', KEYS[1], 'd') then
    redis.call('PEXPIRE', KEYS[1], ARGV[5])
  end
  return 0
end
local now, us = clock()
local n = facts(KEYS[1])
local stays = false
redis.call('HDEL', KEYS[1], 'cu')
for _, field in ipairs(redis.call('HKEYS', KEYS[1])) do
  local letter, within = string.match(field, '^(%l+):?(.*)$')
  if letter == 'cf' or letter == 'cd' then
    redis.call('HDEL', KEYS[1], field)
    redis.call('SREM', KEYS[3], within == '' and ARGV[2] or ARGV[2] .. ':' .. within)
  end
  stays = stays or letter == 'o' or letter == 'q'
end
if not stays then redis.call('HDEL', KEYS[1], 'h') end
n.stays = stays
local entry = record(KEYS[2], now, us, ARGV[5], n.last, 'c', '', 'untie', n.owned > now and n.owner or '', ARGV[3], ARGV[4],
  '', '', '', '', '', '', '', detail('customer', id))
redis.call('HSET', KEYS[1], 'p', entry)
keep(KEYS[1], n, now, ARGV[5])
return 1
