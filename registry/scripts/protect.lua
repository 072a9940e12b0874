-- protect: how long an owned number stays its owner's: lock, unlock, deal, undeal, level or extend.
-- KEYS  1 number · 2 stream · 3 owned · 4 pool · 5 changed
-- ARGV  1 action · 2 scope · 3 level, or ms to extend by · 4 rules, see until_ · 5 digits · 6 operator
--       7 record between rep and list · 8 keep ms · 9 detail of the record
-- Returns state, see prelude: done or nobody (owns it; it may be given a level all the same).

local action, scope = ARGV[1], ARGV[2]
local now, us = clock()
local n = facts(KEYS[1], scope)
local a = ownership({KEYS[1], KEYS[3], KEYS[4], KEYS[5]}, ARGV[5], scope)
local owned = a.owner ~= '' and a.ends > now
if not owned and action ~= 'level' then return state('nobody', KEYS[1], now) end

local more = ''
if action == 'lock' and not a.locked then
  a.locked = true
  set(a, 'k', '1')
  finish(a, a.ends, a.hand)
elseif action == 'unlock' and a.locked then
  local ends = a.unlocked
  a.locked, a.ends = false, ends
  clear(a, 'k', 'ub')
  if a.hand then finish(a, ends, true) else renew(a, ARGV[4]) end
elseif action == 'deal' or action == 'undeal' then
  a.deal = action == 'deal' and now or 0
  if a.deal > 0 then set(a, 'v', whole(now)) else clear(a, 'v') end
  renew(a, ARGV[4])
elseif action == 'level' then
  a.level = ARGV[3]
  if a.level ~= '' then redis.call('HSET', KEYS[1], 'h', '1', at('l', scope), a.level) else clear(a, 'l') end
  if owned then renew(a, ARGV[4]) end
  more = detail('level', a.level)
elseif action == 'extend' then
  finish(a, (a.locked and a.unlocked or a.ends) + tonumber(ARGV[3]), true)
  more = detail('ms', ARGV[3])
end

if ARGV[9] ~= '' then more = more .. (more ~= '' and ';' or '') .. ARGV[9] end
local entry = record(KEYS[2], now, us, ARGV[8], n.last, 'o', '', action, owned and a.owner or '', ARGV[6], ARGV[7],
  '', '', '', '', '', '', scope, more)
redis.call('HSET', KEYS[1], 'p', entry)
n.stays = n.stays or owned or a.level ~= ''
keep(KEYS[1], n, now, ARGV[8])
return state('done', KEYS[1], now)
