-- drop: a rep holds numbers no longer, or settles what was forgotten, as far as nothing changed since somebody looked.
-- KEYS  1 counts · 2 pending · 3… for each number the set of the held and that of those with a closed deal
-- ARGV  1 generation when it was looked · 2 how many tokens · 3… each token to forget and '1' when what it stood for was
--       claimed · then for each number its digits and '1' when the rep owns it, '0' when not
-- Returns how many were dropped, -1 when the generation is another.

if (redis.call('HGET', KEYS[1], 'g') or '0') ~= ARGV[1] then return -1 end
local day, tokens = redis.call('HGET', KEYS[1], 'd'), tonumber(ARGV[2])
for i = 3, 2 + 2 * tokens, 2 do
  local entry = redis.call('HGET', KEYS[2], ARGV[i])
  if entry and ARGV[i + 1] ~= '1' and string.match(entry, '^%d+' .. SEP .. '(%d*)') == day then
    redis.call('HINCRBY', KEYS[1], 'c', -1)
  end
  redis.call('HDEL', KEYS[2], ARGV[i])
end
local dropped, at = 0, 3
for i = 3 + 2 * tokens, #ARGV, 2 do
  if ARGV[i + 1] == '1' then
    if redis.call('SADD', KEYS[at], ARGV[i]) == 1 then redis.call('HINCRBY', KEYS[1], 'n', 1) end
  else
    local gone = redis.call('SREM', KEYS[at], ARGV[i])
    if gone == 1 then redis.call('HINCRBY', KEYS[1], 'n', -1) end
    if redis.call('SREM', KEYS[at + 1], ARGV[i]) == 1 then redis.call('HINCRBY', KEYS[1], 'v', -1) end
    dropped = dropped + gone
  end
  at = at + 2
end
return dropped
