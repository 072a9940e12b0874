-- copy: writes into a number what its customer says of it: that it is the customer's, and who owns that in a scope.
-- KEYS  1 number · 2 stream · 3 owned · 4 pool · 5 changed
-- ARGV  1 customer's id · 2 scope · 3 fence, '' when there is no ownership to copy · 4 change of this number that the copy
--       answers, '' for none · 5 '1': the copy is this number's own · 6 digits · 7 operator · 8 record between rep and list
--       9 keep ms · 10 facts, letter and value in turn, see ownership in customer_owner.go · 11 place in the journal's order of
--       the last change of the customer's numbers
-- Returns 1 when it changed something, 0 when the number has this copy, a newer one, or a change of its own that its
-- customer has yet to be told of.

local UNIT = '\29'
local id, scope, fence = ARGV[1], ARGV[2], ARGV[3]
local now, us = clock()
local n = facts(KEYS[1], scope)
n.stays = true
local done = 0

-- write(kind, action, owner, why, more): the record of it
local function write(kind, action, owner, within, more)
  local entry = record(KEYS[2], now, us, ARGV[9], n.last, kind, '', action, owner, ARGV[7], ARGV[8], '', '', '', '', '', '', within, more)
  redis.call('HSET', KEYS[1], 'p', entry)
  n.last = entry
end

-- 1. the number is the customer's, unless it has ceased to be since. Whatever owners it has are news to the customer
local tie = redis.call('HMGET', KEYS[1], 'cu', 'ct')
local order = tonumber(ARGV[11])
if tie[1] ~= id then
  if order <= tonumber(tie[2] or 0) then return 0 end
  redis.call('HSET', KEYS[1], 'cu', id, 'h', '1', 'ct', ARGV[11])
  for _, field in ipairs(redis.call('HKEYS', KEYS[1])) do
    local letter, within = string.match(field, '^(%l+):?(.*)$')
    if letter == 'cf' then redis.call('HDEL', KEYS[1], field) end
    if letter == 'o' or letter == 'q' then mark(KEYS[1], KEYS[5], member(ARGV[6], within), within) end
  end
  write('c', 'tie', n.owned > now and n.owner or '', '', detail('customer', id))
  keep(KEYS[1], n, now, ARGV[9])
  done = 1
elseif order > tonumber(tie[2]) then
  redis.call('HSET', KEYS[1], 'ct', ARGV[11])
end
if fence == '' then return done end

-- 2. newer than what it has, and not crossing with a change of its own
local f = redis.call('HMGET', KEYS[1], at('cf', scope), at('cd', scope), at('o', scope), at('u', scope), at('q', scope))
local change = tonumber(f[2] or 0)
local news = change > 0
local answered = news and whole(change) == ARGV[4]
if tonumber(f[1] or 0) >= tonumber(fence) and not answered then return done end
if news and not answered then return done end
redis.call('HSET', KEYS[1], at('cf', scope), fence)
if news then
  redis.call('HSET', KEYS[1], at('cd', scope), whole(-change))
  redis.call('SREM', KEYS[5], member(ARGV[6], scope))
end
if ARGV[5] == '1' then return 1 end

-- 3. the facts of the copy, and no others
local letters, has = {at('qw', scope)}, {}
for letter, value in string.gmatch(ARGV[10] .. UNIT, '([^' .. UNIT .. ']*)' .. UNIT .. '([^' .. UNIT .. ']*)' .. UNIT) do has[letter] = value end
for _, letter in ipairs(LETTERS) do
  if not has[letter] then table.insert(letters, at(letter, scope)) end
end
redis.call('HDEL', KEYS[1], unpack(letters))
for letter, value in pairs(has) do redis.call('HSET', KEYS[1], at(letter, scope), value) end
local name = member(ARGV[6], scope)
if has.o then redis.call('ZADD', KEYS[3], has.u, name) else redis.call('ZREM', KEYS[3], name) end
if has.q then redis.call('ZADD', KEYS[4], has.q, name) else redis.call('ZREM', KEYS[4], name) end

-- 4. a record, when it is somebody else's now
local before = f[3] and tonumber(f[4] or 0) > now and f[3] or ''
local owner = has.o and tonumber(has.u) > now and has.o or ''
if owner ~= before then
  local action = owner == '' and 'release' or before == '' and 'claim' or 'transfer'
  write('o', action, owner ~= '' and owner or before, scope, detail('customer', id, 'from', owner ~= '' and before or ''))
end
keep(KEYS[1], n, now, ARGV[9])
return 1
