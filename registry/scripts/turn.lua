-- turn: one gate after another looks after the pool. Whoever has the turn keeps it by asking again in time.
-- KEYS  1 turn · 2 state of the pool
-- ARGV  1 who asks · 2 ms for which the turn is theirs, 0 to give it back
-- Returns '1' or '0' whether the turn is theirs, ms by the server's clock, then every field and value of the state.

local now = clock()
local whose = redis.call('GET', KEYS[1])
local theirs = not whose or whose == ARGV[1]
if theirs then
  if ARGV[2] == '0' then redis.call('DEL', KEYS[1]) else redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2]) end
end
return state(theirs and '1' or '0', KEYS[2], now)
