-- Joined behind ownership.lua where an ownership is written down to be given back as it was.

local GROUP = '\29' -- parts what SEP and PART may stand in
local KEPT = {'o', 'x', 's', 'u', 'um', 'ub', 'c', 'm', 'w', 'k', 'v'}

-- snapshot(a) -> the fields that belong to the owner, "letter=value" parted by GROUP.
local function snapshot(a)
  local names, parts = {}, {}
  for i, letter in ipairs(KEPT) do names[i] = at(letter, a.scope) end
  local f = redis.call('HMGET', a.keys[1], unpack(names))
  for i, letter in ipairs(KEPT) do
    if f[i] then table.insert(parts, letter .. '=' .. f[i]) end
  end
  return table.concat(parts, GROUP)
end

-- unchanged(a, to, when, before) -> whether the number is still as it was left then: with the same owner or in the pool,
-- the customer not reached, no deal closed, nothing locked or extended since.
local function unchanged(a, to, when, before)
  if to == '' then return a.owner == '' and a.pool == when end
  local b = {}
  for letter, value in string.gmatch(before, '([^=' .. GROUP .. ']+)=([^' .. GROUP .. ']*)') do b[letter] = value end
  return a.owner == to and a.since == when and a.contact == tonumber(b.c or 0) and a.deal == tonumber(b.v or 0)
    and a.locked == (b.k == '1') and a.hand == (b.um == '1' or not b.c)
end

-- restore(a, before): the number is again what it was.
local function restore(a, before)
  clear(a, 'o', 'x', 's', 'u', 'um', 'ub', 'c', 'm', 'w', 'k', 'v', 'q', 'qw', 'b', 'bu', 'y')
  local ends
  for letter, value in string.gmatch(before, '([^=' .. GROUP .. ']+)=([^' .. GROUP .. ']*)') do
    set(a, letter, value)
    if letter == 'u' then ends = value end
  end
  redis.call('ZADD', a.keys[2], ends, a.member)
  redis.call('ZREM', a.keys[3], a.member)
end
