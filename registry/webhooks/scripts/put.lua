-- put: what a bucket's new records mean goes into the outbox, and the cursor behind them, in one step.
-- KEYS  1 cursors · then for each endpoint its due, body and try
-- ARGV  1 bucket · 2 cursor before · 3 cursor after · 4 most that may wait for an endpoint
--       then for each delivery: which endpoint (0 is the first) · delivery · body
-- Returns how many were left out because too many wait, -1 when another gate has moved the cursor meanwhile.

if (redis.call('HGET', KEYS[1], ARGV[1]) or '') ~= ARGV[2] then return -1 end
local t = redis.call('TIME')
local now = string.format('%d', tonumber(t[1]) * 1000 + math.floor(tonumber(t[2]) / 1000))
local left_out, most = 0, tonumber(ARGV[4])
for i = 5, #ARGV, 3 do
  local at = 2 + 3 * tonumber(ARGV[i])
  if redis.call('ZCARD', KEYS[at]) >= most then
    left_out = left_out + 1
  else
    redis.call('ZADD', KEYS[at], now, ARGV[i + 1])
    redis.call('HSET', KEYS[at + 1], ARGV[i + 1], ARGV[i + 2])
    redis.call('HSET', KEYS[at + 2], ARGV[i + 1], '0\31' .. now)
  end
end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
return left_out
