-- Joined behind the prelude where an ownership changes. An ownership is what the hash of a number holds for one scope.

local FOREVER = 253402300799000 -- ms, the last second of 9999: an end that never comes
-- member(digits, scope) -> a number's name in the sets of owned numbers and of the pool.
local function member(digits, scope)
  if scope == '' then return digits end
  return digits .. ':' .. scope
end

-- seat(text) -> extension, scope, team of who dials.
local function seat(text)
  if not string.find(text, SEP, 1, true) then return text, '', '' end
  return string.match(text, '^([^' .. SEP .. ']*)' .. SEP .. '([^' .. SEP .. ']*)' .. SEP .. '(.*)$')
end

local LETTERS = {'o', 'x', 's', 'u', 'um', 'ub', 'c', 'm', 'w', 'k', 'v', 'l', 'j', 'b', 'bu', 'q'}

-- mark(key, changed, name, scope): a customer's number has an owner that the customer has yet to be told of, see
-- customer_tell.go.
local function mark(key, changed, name, scope)
  local _, us = clock()
  local before = math.abs(tonumber(redis.call('HGET', key, at('cd', scope)) or 0))
  redis.call('HSET', key, at('cd', scope), whole(math.max(us, before + 1)))
  redis.call('SADD', changed, name)
end

-- marked(a): before a change of a customer's number.
local function marked(a)
  if not a.customer then return end
  mark(a.keys[1], a.keys[4], a.member, a.scope)
  a.customer = nil -- once is enough
end

-- ownership(keys, digits, scope) -> one scope's fields; keys are number, owned, pool and changed. A number that was owned before
-- there were last contacts has none: what it has left was promised then, as by hand.
local function ownership(keys, digits, scope)
  local names = {}
  for i, letter in ipairs(LETTERS) do names[i] = at(letter, scope) end
  table.insert(names, 'cu')
  if not keys[4] then error('ownership: the set of changed numbers is missing from the keys') end
  local f = redis.call('HMGET', keys[1], unpack(names))
  return {
    keys = keys, scope = scope, member = member(digits, scope), owner = f[1] or '', extension = f[2] or '',
    since = tonumber(f[3] or 0), ends = tonumber(f[4] or 0), hand = f[5] == '1' or (f[1] and not f[7]) and true or false,
    unlocked = tonumber(f[6] or 0), contact = tonumber(f[7] or 0), team = f[8] or '', shares = f[9] or '',
    locked = f[10] == '1', deal = tonumber(f[11] or 0), level = f[12] or '', provisional = f[13] or '',
    barred = f[14] or '', bar = tonumber(f[15] or 0), pool = tonumber(f[16] or 0),
    customer = f[17],
  }
end

local function set(a, letter, value)
  marked(a)
  redis.call('HSET', a.keys[1], at(letter, a.scope), value)
end

local function clear(a, ...)
  marked(a)
  local names = {}
  for i, letter in ipairs({...}) do names[i] = at(letter, a.scope) end
  redis.call('HDEL', a.keys[1], unpack(names))
end

-- protection(a, levels, else_) -> ms of protection after a contact: the level's own, if it has one.
local function protection(a, levels, else_)
  if a.level == '' or levels == '' then return else_ end
  local _, stop = string.find(SEP .. levels, SEP .. a.level .. '=', 1, true)
  if not stop then return else_ end
  return tonumber(string.match(string.sub(levels, stop), '^%d+'))
end

-- until_(a, rules) -> when the protection ends by the rules, were it not locked. rules is protection, protection_most,
-- no_deal, deal.protection and the levels' own ("A=ms" each), in ms, 0 for a rule that is off. Until in protection.go is
-- the same.
local function until_(a, rules)
  local ms, most, no_deal, deal, levels =
    string.match(rules, '^(%d+)' .. SEP .. '(%d+)' .. SEP .. '(%d+)' .. SEP .. '(%d+)' .. SEP .. '(.*)$')
  if a.deal > 0 and deal == '0' then return FOREVER end
  local ends = (a.contact > 0 and a.contact or a.since) + protection(a, levels, tonumber(ms))
  if most ~= '0' then ends = math.min(ends, a.since + tonumber(most)) end
  if a.deal > 0 then return math.max(ends, a.deal + tonumber(deal)) end
  if no_deal ~= '0' then ends = math.min(ends, a.since + tonumber(no_deal)) end
  return ends
end

-- finish(a, ends, hand): the protection ends then; by hand when no rule said so. A lock holds the end back.
local function finish(a, ends, hand)
  ends = math.min(ends, FOREVER)
  if a.locked then
    set(a, 'ub', whole(ends))
    a.unlocked, ends = ends, FOREVER
  end
  a.ends = ends
  set(a, 'u', whole(ends))
  if hand then set(a, 'um', '1') else clear(a, 'um') end
  if a.contact == 0 then set(a, 'c', '0') end
  a.hand = hand
  redis.call('ZADD', a.keys[2], whole(ends), a.member)
end

-- renew(a, rules): ends the protection by the rules anew; an end that was set by hand stays when it is later.
local function renew(a, rules)
  local ends = until_(a, rules)
  local now = a.locked and a.unlocked or a.ends
  if a.hand and now >= ends then
    finish(a, now, true)
  else
    finish(a, ends, false)
  end
end

-- take(a, rep, extension, team, now): rep becomes the owner; the caller finishes or renews. What was agreed with an owner
-- before, or about them, goes.
local function take(a, rep, extension, team, now)
  clear(a, 'x', 'um', 'ub', 'm', 'w', 'k', 'v', 'j', 'b', 'bu', 'q', 'qw', 'g', 'gs', 'gr')
  redis.call('HSET', a.keys[1], 'h', '1', at('o', a.scope), rep, at('s', a.scope), whole(now), at('c', a.scope), '0')
  if extension ~= '' then set(a, 'x', extension) end
  if team ~= '' then set(a, 'm', team) end
  if a.pool > 0 then redis.call('ZREM', a.keys[3], a.member) end
  a.owner, a.extension, a.team, a.since, a.contact = rep, extension, team, now, 0
  a.hand, a.locked, a.deal, a.shares, a.pool, a.barred = false, false, 0, '', 0, ''
end

-- pass_on(a, rep, extension, team, now): the number becomes another rep's with what was agreed about it; its protection
-- ends when it would have, or by the rules, which count from now where they count from the beginning.
local function pass_on(a, rep, extension, team, now, rules)
  local others = {}
  for entry in string.gmatch(a.shares, '[^' .. SEP .. ']+') do
    if string.sub(entry, 1, #rep + 1) ~= rep .. PART then table.insert(others, entry) end
  end
  clear(a, 'x', 'm', 'w')
  redis.call('HSET', a.keys[1], at('o', a.scope), rep, at('s', a.scope), whole(now))
  if extension ~= '' then set(a, 'x', extension) end
  if team ~= '' then set(a, 'm', team) end
  if #others > 0 then set(a, 'w', table.concat(others, SEP)) end
  a.owner, a.extension, a.team, a.since = rep, extension, team, now
  if not a.hand then renew(a, rules) end
end

-- leave(a, why, bar, now): the number goes into the pool; its owner may not claim it again for bar ms.
local function leave(a, why, bar, now)
  clear(a, 'o', 'x', 's', 'u', 'um', 'ub', 'c', 'm', 'w', 'k', 'v', 'j', 'bu', 'g', 'gs', 'gr')
  redis.call('HSET', a.keys[1], 'h', '1', at('q', a.scope), whole(now), at('qw', a.scope), why, at('b', a.scope), a.owner)
  if bar > 0 then set(a, 'bu', whole(now + bar)) end
  redis.call('ZREM', a.keys[2], a.member)
  redis.call('ZADD', a.keys[3], whole(now), a.member)
end

-- barred(a, rep, bar, now) -> until when rep may not claim the number; 0 when rep may. A protection that has run out
-- counts from its end, although nobody has moved the number into the pool yet.
local function barred(a, rep, bar, now)
  local ends = 0
  if a.barred == rep then
    ends = a.bar
  elseif a.owner == rep and bar > 0 then
    ends = a.ends + bar
  end
  return ends > now and ends or 0
end
