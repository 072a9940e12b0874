-- decide: may this rep ring this number now? Reserves the number and records the decision in the same step.
-- KEYS  1 number · 2 attempt · 3 stream
-- ARGV  1 rep · 2 attempt id · 3 rest of the record · 4 rep's seat: extension, and SEP scope SEP team if it has any
--       5 lease ms · 6 remember ms · 7 keep ms · 8 '1': an owned number is redirected to its owner
--       9 '1': a rehearsal, nothing is changed or recorded · 10 scope · 11 rep's team, when teams own · 12 '1': an
--       unanswered first call keeps colleagues away · 13 detail of the record, '' for none
--       14 reasons that are only watched, parted and enclosed by commas · 15 what a local rule says, '' when none says
--       anything: reason SEP extension to ring instead SEP list SEP version · 16 reasons that a pass passes, as 14
-- Returns 'n' (new) or 'r' (repeated) SEP verdict (would_block or would_redirect when it goes out only because the rule is
-- watched) SEP reason SEP fence SEP retry ms SEP owner SEP extension SEP list.

local rep, id, forget, scope = ARGV[1], ARGV[2], ARGV[7], ARGV[10]
local redirect, rehearsal, watched = ARGV[8] == '1', ARGV[9] == '1', ARGV[14]
local now, us = clock()
local n = facts(KEYS[1], scope)
local ringing = n.rep ~= '' and n.flight > now

-- write(): the record of this decision, its end only as long as it must be
local function write(verdict, reason, owner, list, why, version)
  if ARGV[13] ~= '' then why = why == '' and ARGV[13] or ARGV[13] .. ';' .. why end
  if scope == '' and why == '' and version == '' then
    return record(KEYS[3], now, us, forget, n.last, 'd', verdict, reason, owner, rep, ARGV[3], list)
  end
  return record(KEYS[3], now, us, forget, n.last, 'd', verdict, reason, owner, rep, ARGV[3], list,
    version, '', '', '', '', scope, why)
end

local said -- the answer to a call that is stopped
local seen, elsewhere -- the first rule that would have stopped this one; whether it was for somebody else's sake

local function watches(reason) return watched ~= '' and string.find(watched, ',' .. reason .. ',', 1, true) ~= nil end

-- stop() -> whether the call does not go out, a redirect too: not where the rule is only watched
local function stop(verdict, reason, retry, owner, extension, list, why, version)
  why, version = why or '', version or ''
  if watches(reason) then
    elsewhere = elsewhere or reason == 'owned' or reason == 'in_flight'
    seen = seen or {verdict = verdict, reason = reason, retry = retry, owner = owner, extension = extension, list = list,
      version = version, why = why ~= '' and ';' .. why or ''}
    return false
  end
  local told = answer(verdict, reason, '0', whole(retry), owner, extension, list)
  if not rehearsal then
    redis.call('HSET', KEYS[1], 'p', write(verdict, reason, owner, list, why, version))
    keep(KEYS[1], n, now, forget)
    remember(KEYS[2], 'b', rep, told, ARGV[6])
  end
  said = 'n' .. SEP .. told
  return true
end

-- passes(): whether a pass lets this call past that reason. One pass is good against all that stands in the call's way
local pass
local needed -- whether the call would not go out without it
local function passes(why)
  if not string.find(ARGV[16], ',' .. why .. ',', 1, true) then return false end
  if pass == nil then
    local text = redis.call('HGET', KEYS[1], 't:' .. rep)
    local ends, name = string.match(text or '', '^(%d+)' .. SEP .. '([^' .. SEP .. ']*)')
    pass = ends and tonumber(ends) > now and name or false
  end
  if pass and not watches(why) then needed = true end
  return pass
end

-- 1. asked before: the same answer, counted once
if not rehearsal then
  if ringing and n.rep == rep and (n.attempt == id or n.previous == id) then
    local owner = ''
    if n.reason ~= 'allowed' and going(n.reason) == 'allow' and n.owned > now then owner = n.owner end
    return 'r' .. SEP .. answer(going(n.reason), n.reason, n.fence, '0', owner, '', '')
  end
  local before = n.last ~= '' and remembered(KEYS[2]) -- a number without records has no attempts
  if before and before.rep == rep then return 'r' .. SEP .. before.told end
end

-- 2. a local rule that is only watched, or that a pass may pass
if ARGV[15] ~= '' then
  local reason, instead, list, version = string.match(ARGV[15], '^(.-)' .. SEP .. '(.-)' .. SEP .. '(.-)' .. SEP .. '(.*)$')
  if not passes(reason) and stop(instead ~= '' and 'redirect' or 'block', reason, 0, '', instead, list, '', version) then
    return said
  end
end

-- 3. on a do-not-call list, by a single addition
if n.lists ~= '' and stop('block', 'dnc', 0, '', '', string.match(n.lists, '^[^' .. SEP .. ']*')) then return said end

-- 4. the customer said no: nobody rings, its owner neither
if n.refused > now and not passes('refused') and stop('block', 'refused', n.refused - now, '', '', '') then return said end

-- 5. owned by a colleague, who may have agreed to share
local reason, owner = 'allowed', ''
local owned = n.owner ~= '' and n.owned > now
if owned then reason, owner = 'owner', n.owner end
if owned and n.owner ~= rep then
  reason = colleague(KEYS[1], scope, rep, ARGV[11])
  if not reason and not passes('owned') then
    local rings = redirect and n.extension ~= ''
    if stop(rings and 'redirect' or 'block', 'owned', rings and 0 or n.owned - now, n.owner, rings and n.extension or '', '') then
      return said
    end
  end
end

-- 6. a colleague rang it first and nobody has answered yet
if not owned and ARGV[12] == '1' then
  local first, ends = provisional(redis.call('HGET', KEYS[1], at('j', scope)))
  if ends > now and first ~= rep and not passes('owned')
    and stop('block', 'owned', ends - now, first, '', '', 'why=provisional') then
    return said
  end
end

-- 7. a colleague is ringing it: for how long, nobody knows
if ringing and n.rep ~= rep and stop('block', 'in_flight', 0, n.rep, '', '') then return said end

-- 8. go: use the pass up, reserve, count the fence on, record. The rep's own call that is still up hands over to this one
local list, version, why = '', '', ''
if pass then reason = 'pass' end
if seen then
  reason, owner, list, version, why = seen.reason, seen.owner, seen.list, seen.version, 'would=' .. seen.verdict .. seen.why
end
local function go(fence)
  if not seen then return answer('allow', reason, fence, '0', owner, '', '') end
  return answer('would_' .. seen.verdict, reason, fence, whole(seen.retry), owner, seen.extension, list)
end
if rehearsal then return 'n' .. SEP .. go('0') end

if pass and (needed or not seen) then -- enforced, what is seen would have stopped the call and left it its pass
  redis.call('HDEL', KEYS[1], 't:' .. rep)
  why = (seen and why .. ';' or '') .. 'pass=' .. pass
end
local entry = write('allow', reason, owner, list, why, version)
if elsewhere then -- a call that should not be must not keep those from the number whose it is
  local told = go('0')
  redis.call('HSET', KEYS[1], 'p', entry)
  keep(KEYS[1], n, now, forget)
  remember(KEYS[2], 'b', rep, told, ARGV[6])
  return 'n' .. SEP .. told
end
local fence = whole(math.max(tonumber(n.fence) + 1, us))
redis.call('HSET', KEYS[1], 'fr', rep, 'fk', id, 'fp', ringing and n.attempt or '', 'fu', whole(now + tonumber(ARGV[5])),
  'fw', reason, 'fx', ARGV[4], 'ff', '0', 'e', fence, 'p', entry)
keep(KEYS[1], n, now, forget)
return 'n' .. SEP .. go(fence)
