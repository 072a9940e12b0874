-- move: cursors move on over records that mean nothing to anybody.
-- KEYS  1 cursors
-- ARGV  for each bucket: bucket · cursor before · cursor after
-- Returns 1, or 0 when another gate has moved one of them meanwhile; the others are moved.

local ours = 1
for i = 1, #ARGV, 3 do
  if (redis.call('HGET', KEYS[1], ARGV[i]) or '') == ARGV[i + 1] then
    redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 2])
  else
    ours = 0
  end
end
return ours
