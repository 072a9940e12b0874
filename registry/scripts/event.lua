-- event: what became of a call that was let out: it has been up long enough to make its rep the owner, or it ended.
-- KEYS  1 number · 2 attempt · 3 stream · 4 owned · 5 refused · 6 pool · 7 changed
-- ARGV  1 'f' firm or 'e' ended · 2 rep, '' when the gate does not know it · 3 attempt id · 4 digits
--       5 record between rep and list · 6 record after it, without note · 7 rep's seat, see decide · 8 ending · 9 talk ms
--       10 min talk ms · 11 rules, see until_ · 12 cool-down ms · 13 remember ms · 14 keep ms · 15 note · 16 bar ms
--       17 ms that a first call keeps colleagues away · 18 '1': teams own
--       19 whether it may make an owner: 'yes', 'fresh' (unless it is from the pool), 'no' (the rep holds as many as it may)
--       or 'ask' (nobody has looked yet)
-- Returns 1 when it was applied; 2 when it also made its rep the owner, 3 of a number from the pool; 0 when it had been
-- applied before or when nothing is known of such a call; 4 when nothing was done, since it would make an owner and nobody
-- has looked whether it may.

local kind, rep, id, digits = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local ending, talk = ARGV[8], tonumber(ARGV[9])
local min_talk, rules, cool_down, forget = tonumber(ARGV[10]), ARGV[11], tonumber(ARGV[12]), ARGV[14]
local extension, scope, team = seat(ARGV[7])
local keys = {KEYS[1], KEYS[4], KEYS[6], KEYS[7]}
local now, us = clock()

-- Is the call the one in flight? A lapsed flight counts: the call was up, only its gate had gone silent. What the gate
-- does not know of it, the number does.
local f = redis.call('HMGET', KEYS[1], 'fr', 'fk', 'fx')
local ours = f[2] == id and (rep == '' or f[1] == rep)
if rep == '' then
  if not ours then return 0 end
  rep = f[1]
end
if ours and ARGV[7] == '' then extension, scope, team = seat(f[3] or '') end
local n = facts(KEYS[1], scope)
local made, over = 1, ''

-- at most once
local told = ours and answer(going(n.reason), n.reason, n.fence, '0', '', '', '') or answer('allow', 'allowed', '0', '0', '', '', '')
if ours then
  if kind == 'f' and redis.call('HGET', KEYS[1], 'ff') == '1' then return 0 end
else
  local before = remembered(KEYS[2])
  if before and before.rep == rep then
    if before.state == 'e' or before.state == kind then return 0 end
    told = before.told -- it went out, though only because the rule is watched
  end
end

-- contact(): the customer was reached, by its owner or a colleague who may
local function contact(a)
  a.contact = now
  set(a, 'c', whole(now))
  renew(a, rules)
end

-- own(): the rep owns the number from now on, unless a colleague owns or rings it or the rep has just had it. True when
-- it has to be asked first whether the rep may
local function own()
  local a = ownership(keys, digits, scope)
  local owned = a.owner ~= '' and a.ends > now
  if owned and (a.owner == rep or helps(a.shares, rep) or team ~= '' and ARGV[18] == '1' and a.team == team) then
    if a.owner == rep and extension ~= '' and extension ~= a.extension then set(a, 'x', extension) end
    contact(a)
  end
  if owned or (n.rep ~= '' and n.rep ~= rep and n.flight > now) then return end
  if barred(a, rep, tonumber(ARGV[16]), now) > 0 then return end
  local pooled = a.pool > 0 or a.owner ~= ''
  if ARGV[19] == 'ask' then return true end
  if ARGV[19] == 'no' or pooled and ARGV[19] == 'fresh' then
    over = ARGV[19] == 'no' and 'quota=holdings' or 'quota=daily_claims'
    return
  end
  take(a, rep, extension, team, now)
  contact(a)
  n.owner, n.owned, n.stays, made = rep, a.ends, true, pooled and 3 or 2
end

-- first(): a first call that nobody answered keeps colleagues away for a while. The same rep's next one does not: what
-- goes unanswered extends nothing
local function first()
  local a = ownership(keys, digits, scope)
  local before, ends = provisional(a.provisional)
  if a.owner ~= '' and a.ends > now or before == rep or ends > now then return end
  if n.rep ~= '' and n.rep ~= rep and n.flight > now or barred(a, rep, tonumber(ARGV[16]), now) > 0 then return end
  set(a, 'j', rep .. SEP .. whole(now + tonumber(ARGV[17])))
end

-- refuse(): nobody rings the number until the cool-down ends
local function refuse()
  n.refused = math.max(n.refused, now + cool_down)
  redis.call('HSET', KEYS[1], 'ru', whole(n.refused), 'rb', rep, 'rn', ARGV[15])
  redis.call('ZADD', KEYS[5], whole(n.refused), digits)
  redis.call('ZREMRANGEBYSCORE', KEYS[5], '-inf', whole(now))
end

if kind == 'f' then
  if own() then return 4 end
  if ours then
    redis.call('HSET', KEYS[1], 'ff', '1')
  else
    remember(KEYS[2], 'f', rep, told, ARGV[13])
  end
  keep(KEYS[1], n, now, forget)
  return made
end

-- An answered call prolongs what the rep owns or helps with, however short it was; it makes an owner after min talk.
local owned = n.owner ~= '' and n.owned > now
local answered = ending == 'answered'
if answered and (owned or talk >= min_talk) and own() then return 4 end
if ARGV[17] ~= '0' and not owned and made == 1 and (answered or ending == 'unanswered') then first() end
if ending == 'refused' and cool_down > 0 then refuse() end

-- The call has landed; a late copy of its INVITE still gets its answer.
if ours then redis.call('HDEL', KEYS[1], 'fr', 'fk', 'fp', 'fu', 'fw', 'fx', 'ff') end
remember(KEYS[2], 'e', rep, told, ARGV[13])

local owner = n.owned > now and n.owner or ''
local entry
if scope == '' and over == '' then
  entry = record(KEYS[3], now, us, forget, n.last, 'e', '', '', owner, rep, ARGV[5], ARGV[6], ARGV[15])
else
  entry = record(KEYS[3], now, us, forget, n.last, 'e', '', '', owner, rep, ARGV[5], ARGV[6], ARGV[15], scope, over)
end
redis.call('HSET', KEYS[1], 'p', entry)
keep(KEYS[1], n, now, forget)
return made
