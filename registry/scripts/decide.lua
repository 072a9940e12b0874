-- decide: may this rep ring this number now? Reserves the number and records the decision in the same step.
-- KEYS  1 number · 2 attempt · 3 stream
-- ARGV  1 rep · 2 attempt id · 3 rest of the record · 4 rep's seat: extension, and SEP scope SEP team if it has any
--       5 lease ms · 6 remember ms · 7 keep ms · 8 '1': an owned number is redirected to its owner
--       9 '1': a rehearsal, nothing is changed or recorded · 10 scope · 11 rep's team, when teams own · 12 '1': an
--       unanswered first call keeps colleagues away · 13 reasons that a pass passes, between commas · 14 reason by which
--       a local rule would block, '' for none, with SEP and the extension to which it would redirect, if any · 15 detail of the record, '' for none
-- Returns 'n' (new) or 'r' (repeated) SEP verdict SEP reason SEP fence SEP retry ms SEP owner SEP extension SEP list.

local rep, id, forget, scope = ARGV[1], ARGV[2], ARGV[7], ARGV[10]
local redirect, rehearsal = ARGV[8] == '1', ARGV[9] == '1'
local now, us = clock()
local n = facts(KEYS[1], scope)
local ringing = n.rep ~= '' and n.flight > now

-- write(): the record of this decision, its end only as long as it must be
local function write(verdict, reason, owner, list, why)
  if ARGV[15] ~= '' then why = why == '' and ARGV[15] or ARGV[15] .. ';' .. why end
  if scope == '' and why == '' then
    return record(KEYS[3], now, us, forget, n.last, 'd', verdict, reason, owner, rep, ARGV[3], list)
  end
  return record(KEYS[3], now, us, forget, n.last, 'd', verdict, reason, owner, rep, ARGV[3], list,
    '', '', '', '', '', scope, why)
end

-- block(): whatever does not let the call out, a redirect too
local function block(verdict, reason, retry, owner, extension, list, why)
  local told = answer(verdict, reason, '0', whole(retry), owner, extension, list)
  if not rehearsal then
    redis.call('HSET', KEYS[1], 'p', write(verdict, reason, owner, list, why or ''))
    keep(KEYS[1], n, now, forget)
    remember(KEYS[2], 'b', rep, told, ARGV[6])
  end
  return 'n' .. SEP .. told
end

-- passes(): whether a pass lets this call past that reason. One pass is good against all that stands in the call's way
local pass
local function passes(why)
  if not string.find(ARGV[13], ',' .. why .. ',', 1, true) then return false end
  if pass == nil then
    local text = redis.call('HGET', KEYS[1], 't:' .. rep)
    local ends, name = string.match(text or '', '^(%d+)' .. SEP .. '([^' .. SEP .. ']*)')
    pass = ends and tonumber(ends) > now and name or false
  end
  return pass
end

-- 1. asked before: the same answer, counted once
if not rehearsal then
  if ringing and n.rep == rep and (n.attempt == id or n.previous == id) then
    local owner = ''
    if n.reason ~= 'allowed' and n.owned > now then owner = n.owner end
    return 'r' .. SEP .. answer('allow', n.reason, n.fence, '0', owner, '', '')
  end
  local before = n.last ~= '' and remembered(KEYS[2]) -- a number without records has no attempts
  if before and before.rep == rep then return 'r' .. SEP .. before.told end
end

-- 2. on a do-not-call list, by a single addition
if n.lists ~= '' then
  return block('block', 'dnc', 0, '', '', string.match(n.lists, '^[^' .. SEP .. ']*'))
end

-- 3. the customer said no: nobody rings, its owner neither
if n.refused > now and not passes('refused') then return block('block', 'refused', n.refused - now, '', '', '') end

-- 4. the gate has a rule against it
if ARGV[14] ~= '' then
  local why, instead = string.match(ARGV[14], '^([^' .. SEP .. ']*)' .. SEP .. '?(.*)$')
  if not passes(why) then return block(instead == '' and 'block' or 'redirect', why, 0, '', instead, '') end
end

-- 5. owned by a colleague, who may have agreed to share
local reason, owner = 'allowed', ''
local owned = n.owner ~= '' and n.owned > now
if owned then reason, owner = 'owner', n.owner end
if owned and n.owner ~= rep then
  reason = colleague(KEYS[1], scope, rep, ARGV[11])
  if not reason and not passes('owned') then
    if redirect and n.extension ~= '' then return block('redirect', 'owned', 0, n.owner, n.extension, '') end
    return block('block', 'owned', n.owned - now, n.owner, '', '')
  end
end

-- 6. a colleague rang it first and nobody has answered yet
if not owned and ARGV[12] == '1' then
  local first, ends = provisional(redis.call('HGET', KEYS[1], at('j', scope)))
  if ends > now and first ~= rep and not passes('owned') then
    return block('block', 'owned', ends - now, first, '', '', 'why=provisional')
  end
end

-- 7. a colleague is ringing it: for how long, nobody knows
if ringing and n.rep ~= rep then return block('block', 'in_flight', 0, n.rep, '', '') end

-- 8. go: use the pass up, reserve, count the fence on, record. The rep's own call that is still up hands over to this one
if pass then reason = 'pass' end
if rehearsal then return 'n' .. SEP .. answer('allow', reason, '0', '0', owner, '', '') end

local fence = whole(math.max(tonumber(n.fence) + 1, us))
local used = ''
if pass then
  redis.call('HDEL', KEYS[1], 't:' .. rep)
  used = 'pass=' .. pass
end
local entry = write('allow', reason, owner, '', used)
redis.call('HSET', KEYS[1], 'fr', rep, 'fk', id, 'fp', ringing and n.attempt or '', 'fu', whole(now + tonumber(ARGV[5])),
  'fw', reason, 'fx', ARGV[4], 'ff', '0', 'e', fence, 'p', entry)
keep(KEYS[1], n, now, forget)
return 'n' .. SEP .. answer('allow', reason, fence, '0', owner, '', '')
