-- share: a colleague may ring the owner's customer too, for an agreed share; or no longer.
-- KEYS  1 number · 2 stream · 3 owned · 4 pool · 5 changed
-- ARGV  1 share or unshare · 2 scope · 3 colleague · 4 percent (share) · 5 most collaborators · 6 digits · 7 operator
--       8 record between rep and list · 9 keep ms · 10 detail of the record
-- Returns state, see prelude: done, nobody (owns it), self (the colleague is the owner), full (as many as there may be),
-- much (more than the whole would be given away) or stranger (unshare: no collaborator).

local action, scope, rep, percent = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4])
local now, us = clock()
local n = facts(KEYS[1], scope)
local a = ownership({KEYS[1], KEYS[3], KEYS[4], KEYS[5]}, ARGV[6], scope)
if a.owner == '' or a.ends <= now then return state('nobody', KEYS[1], now) end
if a.owner == rep then return state('self', KEYS[1], now) end

local list, sum, found = {}, 0, false
for entry in string.gmatch(a.shares, '[^' .. SEP .. ']+') do
  local who, share = string.match(entry, '^([^' .. PART .. ']*)' .. PART .. '(%d+)')
  if who == rep then
    found = true
  else
    sum = sum + tonumber(share)
    table.insert(list, entry)
  end
end
if action == 'unshare' then
  if not found then return state('stranger', KEYS[1], now) end
else
  if #list >= tonumber(ARGV[5]) then return state('full', KEYS[1], now) end
  if sum + percent > 100 then return state('much', KEYS[1], now) end
  table.insert(list, table.concat({rep, whole(percent), whole(now), ARGV[7]}, PART))
end
if #list > 0 then set(a, 'w', table.concat(list, SEP)) else clear(a, 'w') end

local more = detail('with', rep, 'percent', action == 'share' and whole(percent) or '')
if ARGV[10] ~= '' then more = more .. ';' .. ARGV[10] end
local entry = record(KEYS[2], now, us, ARGV[9], n.last, 'o', '', action, a.owner, ARGV[7], ARGV[8], '', '', '', '', '', '',
  scope, more)
redis.call('HSET', KEYS[1], 'p', entry)
n.stays = true
keep(KEYS[1], n, now, ARGV[9])
return state('done', KEYS[1], now)
