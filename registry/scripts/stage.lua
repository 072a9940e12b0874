-- stage: a number enters a stage of the follow-up, leaves it, or has been in it for too long. Joined behind ownership.lua.
-- KEYS  1 number · 2 stream · 3 owned · 4 pool · 5 changed · 6 stages
-- ARGV  1 enter, leave or due · 2 scope · 3 digits · 4 operator · 5 record between rep and list · 6 keep ms
--       7 stage, its limit ms, protection ms and responsible, parted by SEP; leave: ''
--       8 due: what comes then: warn, next or recycle · 9 next: the next stage, as 7 · 10 recycle: bar ms
--       11 more for the record's detail
-- Returns state, see prelude: done, nobody (owns it, or it is in no stage) or early (due: nothing is).

local action, scope, forget = ARGV[1], ARGV[2], ARGV[6]
local now, us = clock()
local n = facts(KEYS[1], scope)
local a = ownership({KEYS[1], KEYS[3], KEYS[4], KEYS[5]}, ARGV[3], scope)
local owned = a.owner ~= '' and a.ends > now
local at_, since = unpack(redis.call('HMGET', KEYS[1], at('g', scope), at('gs', scope)))
at_ = at_ or ''

-- read(text) -> stage, limit, protection, responsible
local function read(text)
  return string.match(text, '^([^' .. SEP .. ']*)' .. SEP .. '(%d+)' .. SEP .. '(%d+)' .. SEP .. '(.*)$')
end

local function write(kind, what, ...)
  local more = detail(...)
  if ARGV[11] ~= '' then more = more .. ';' .. ARGV[11] end
  n.last = record(KEYS[2], now, us, forget, n.last, kind, '', what, a.owner, ARGV[4], ARGV[5],
    '', '', '', '', '', '', scope, more)
  redis.call('HSET', KEYS[1], 'p', n.last)
end

local function done()
  keep(KEYS[1], n, now, forget)
  return state('done', KEYS[1], now)
end

-- enter(text): it is in that stage from now on; the owner keeps it for at least the stage's protection.
local function enter(text)
  local stage, limit, protected, responsible = read(text)
  redis.call('HSET', KEYS[1], at('g', scope), stage, at('gs', scope), whole(now))
  if responsible ~= '' then set(a, 'gr', responsible) else clear(a, 'gr') end
  redis.call('ZADD', KEYS[6], whole(limit == '0' and FOREVER or now + tonumber(limit)), a.member)
  local ends = now + tonumber(protected)
  if protected ~= '0' and ends > (a.locked and a.unlocked or a.ends) then finish(a, ends, true) end
  write('g', 'enter', 'stage', stage, 'from', at_, 'responsible', responsible)
end

-- forget_stage(): it is in no stage any more
local function forget_stage()
  clear(a, 'g', 'gs', 'gr')
  redis.call('ZREM', KEYS[6], a.member)
end

if action == 'enter' then
  if not owned then return state('nobody', KEYS[1], now) end
  enter(ARGV[7])
  return done()
end

if at_ == '' or not owned then -- somebody took it away, and the stage with it
  forget_stage()
  return state(action == 'due' and 'early' or 'nobody', KEYS[1], now)
end

if action == 'leave' then
  write('g', 'leave', 'stage', at_)
  forget_stage()
  return done()
end

local stage, limit = read(ARGV[7])
local score = tonumber(redis.call('ZSCORE', KEYS[6], a.member) or 0)
if at_ ~= stage or score < 0 then return state('early', KEYS[1], now) end -- it went on, or was warned about
local ends = limit == '0' and FOREVER or tonumber(since) + tonumber(limit)
if ends > now then -- the rules have changed since it entered
  redis.call('ZADD', KEYS[6], whole(ends), a.member)
  return state('early', KEYS[1], now)
end

if ARGV[8] == 'next' then
  enter(ARGV[9])
elseif ARGV[8] == 'recycle' and not a.locked and a.deal == 0 then
  local owner = a.owner
  forget_stage()
  leave(a, 'expired', tonumber(ARGV[10]), now)
  write('q', 'recycle', 'from', owner, 'why', 'expired', 'stage', stage)
  n.stays = true
else
  redis.call('ZADD', KEYS[6], whole(-ends), a.member) -- below 0: late, and told
  write('g', 'warn', 'stage', stage)
end
return done()
