-- policy: a gate has begun to decide by these rules.
-- KEYS  1 policies · 2 times
-- ARGV  1 version · 2 rules, as YAML · 3 most entries
-- Returns 1 when they were not the last that a gate had told of, else 0.

local now = clock()
redis.call('HSETNX', KEYS[1], ARGV[1], ARGV[2])
local last = redis.call('ZRANGE', KEYS[2], -1, -1)[1]
if last and string.match(last, '^[^' .. SEP .. ']*' .. SEP .. '(.*)$') == ARGV[1] then return 0 end
redis.call('ZADD', KEYS[2], whole(now), string.format('%015d', now) .. SEP .. ARGV[1])

-- What is too old to be kept takes its rules along, unless they were in force again later.
local surplus = redis.call('ZCARD', KEYS[2]) - tonumber(ARGV[3])
if surplus > 0 then
  redis.call('ZREMRANGEBYRANK', KEYS[2], 0, surplus - 1)
  local kept = {}
  for _, entry in ipairs(redis.call('ZRANGE', KEYS[2], 0, -1)) do
    kept[string.match(entry, SEP .. '(.*)$')] = true
  end
  for _, version in ipairs(redis.call('HKEYS', KEYS[1])) do
    if not kept[version] then redis.call('HDEL', KEYS[1], version) end
  end
end
return 1
