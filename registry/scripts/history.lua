-- history: the last records of a number, newest first. Each names the one before it. Reads only.
-- KEYS  1 stream · 2 number
-- ARGV  1 how many at most
-- Returns id, record, id, record, ... as far as the stream still holds them.

local list = {}
local id = redis.call('HGET', KEYS[2], 'p')
for _ = 1, tonumber(ARGV[1]) do
  local entry = id and id ~= '' and redis.call('XRANGE', KEYS[1], id, id)[1]
  if not entry then break end
  local text = entry[2][2]
  table.insert(list, id)
  table.insert(list, text)
  id = string.match(text, '^[^' .. SEP .. ']*' .. SEP .. '([^' .. SEP .. ']*)')
end
return list
