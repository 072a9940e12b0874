-- take: what is due for an endpoint, on a lease: whoever took it has so long before another may.
-- KEYS  1 due · 2 body · 3 try
-- ARGV  1 how many at most · 2 lease ms
-- Returns for each: delivery, body, number of this attempt, age ms.

local t = redis.call('TIME')
local now = tonumber(t[1]) * 1000 + math.floor(tonumber(t[2]) / 1000)
local function whole(x) return string.format('%d', x) end
local list = {}
for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', whole(now), 'LIMIT', 0, ARGV[1])) do
  local body, tried = redis.call('HGET', KEYS[2], id), redis.call('HGET', KEYS[3], id)
  if not body or not tried then
    redis.call('ZREM', KEYS[1], id)
  else
    local attempts, put = string.match(tried, '^(%d+)\31(%d+)$')
    attempts = whole(tonumber(attempts) + 1)
    redis.call('HSET', KEYS[3], id, attempts .. '\31' .. put)
    redis.call('ZADD', KEYS[1], whole(now + tonumber(ARGV[2])), id)
    for _, v in ipairs({id, body, attempts, whole(now - tonumber(put))}) do table.insert(list, v) end
  end
end
return list
