-- takeback: numbers that an offboarding moved go back to whom they were, each once, unless something has become of them.
-- KEYS  1 stream · 2 owned · 3 pool · 4 changed · 5 journal of the offboarding · 6... the number of each member
-- ARGV  1 keep ms · 2 record between number and list · 3 unused · 4 unused · 5 who left · 6 offboarding · 7 operator
--       8... members
-- Returns the members that were given back, and from whom, '' from the pool.

local forget, leaver, id, operator = ARGV[1], ARGV[5], ARGV[6], ARGV[7]
local now, us = clock()
local back = {}

for i = 8, #ARGV do
  local key = KEYS[i - 2]
  local entry = redis.call('HGET', KEYS[5], ARGV[i])
  if entry then
    local to, when, before = string.match(entry, '^([^' .. GROUP .. ']*)' .. GROUP .. '(%d+)' .. GROUP .. '(.*)$')
    local digits, scope = string.match(ARGV[i], '^(%d+):?(.*)$')
    local a = ownership({key, KEYS[2], KEYS[3], KEYS[4]}, digits, scope)
    if unchanged(a, to, tonumber(when), before) then
      local n = facts(key, scope)
      restore(a, before)
      redis.call('HDEL', KEYS[5], ARGV[i])
      local entry_ = record(KEYS[1], now, us + i, forget, n.last, 'o', '', 'transfer', leaver, operator,
        digits .. SEP .. ARGV[2], '', '', '', '', '', '', scope, detail('from', to, 'offboard', id, 'undo', '1'))
      redis.call('HSET', key, 'p', entry_)
      n.stays = true
      keep(key, n, now, forget)
      table.insert(back, ARGV[i])
      table.insert(back, to)
    end
  end
end
return back
