-- owner: an operator claims a number for a rep, releases it into the pool or transfers it.
-- KEYS  1 number · 2 stream · 3 owned · 4 pool · 5 changed
-- ARGV  1 claim, release or transfer · 2 rep; of a release whoever may release their own only, '' for any owner's
--       3 rep's seat, see decide: its scope is whose ownership it is
--       4 ms for which the number is the rep's, '' by the rules (claim) · 5 digits · 6 operator · 7 record between rep and list · 8 keep ms
--       9 rules, see until_ · 10 bar ms · 11 level of the customer (claim)
--       12 why (release), or 'pool' when it must be there (claim) · 13 detail of the record
--       14 'fresh': the rep may claim no more from the pool (claim)
-- Returns state, see prelude: done (after a release: as it was before; after a transfer with SEP and who owned it), made and
-- pooled (the rep owns it only now, from the pool), owned (by a colleague), refused, barred, elsewhere (not in the pool),
-- quota (no more from the pool), nobody (owns it).

local action, rep, forget = ARGV[1], ARGV[2], ARGV[8]
local extension, scope, team = seat(ARGV[3])
local now, us = clock()
local n = facts(KEYS[1], scope)
local a = ownership({KEYS[1], KEYS[3], KEYS[4], KEYS[5]}, ARGV[5], scope)
local owned = a.owner ~= '' and a.ends > now

local function write(owner, note, more)
  n.stays = true
  local entry = record(KEYS[2], now, us, forget, n.last, 'o', '', action, owner, ARGV[6], ARGV[7], '', '', '', '', '',
    note, scope, more .. (more ~= '' and ARGV[13] ~= '' and ';' or '') .. ARGV[13])
  redis.call('HSET', KEYS[1], 'p', entry)
  keep(KEYS[1], n, now, forget)
end

if action ~= 'claim' and not owned then return state('nobody', KEYS[1], now) end

if action == 'release' and rep ~= '' and a.owner ~= rep then return state('owned', KEYS[1], now) end -- theirs to release
if action == 'release' then
  local before = state('done', KEYS[1], now)
  leave(a, ARGV[12], tonumber(ARGV[10]), now)
  write(a.owner, '', detail('why', ARGV[12]))
  return before
end

if action == 'transfer' then
  local from = a.owner
  if from == rep then
    if extension ~= '' then set(a, 'x', extension) end
  else
    pass_on(a, rep, extension, team, now, ARGV[9])
  end
  write(rep, 'from ' .. from, detail('from', from))
  return state('done' .. SEP .. from, KEYS[1], now)
end

if owned and a.owner ~= rep then return state('owned', KEYS[1], now) end
if n.refused > now then return state('refused', KEYS[1], now) end
if ARGV[12] == 'pool' and a.pool == 0 then return state('elsewhere', KEYS[1], now) end
local again, outcome = owned, 'done'
if again then
  if extension ~= '' then set(a, 'x', extension) end
else
  if barred(a, rep, tonumber(ARGV[10]), now) > 0 then return state('barred', KEYS[1], now) end
  if a.pool > 0 or a.owner ~= '' then outcome = 'pooled' else outcome = 'made' end
  if outcome == 'pooled' and ARGV[14] == 'fresh' then return state('quota', KEYS[1], now) end
  take(a, rep, extension, team, now)
end
if ARGV[11] ~= '' then
  a.level = ARGV[11]
  set(a, 'l', a.level)
end
if ARGV[4] ~= '' then
  finish(a, now + tonumber(ARGV[4]), true)
elseif again then -- the time begins anew, though the customer was not reached
  local contact = a.contact
  a.contact = now
  local ends = until_(a, ARGV[9])
  a.contact = contact
  finish(a, ends, true)
else
  renew(a, ARGV[9])
end
write(rep, '', detail('level', ARGV[11], 'ms', ARGV[4]))
return state(outcome, KEYS[1], now)
